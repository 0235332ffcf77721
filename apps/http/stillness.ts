/** Ends a stream that stands still: one of unknown length has no deadline of its own, but nobody waits for ever for its next piece. */
import { type CallOptions, cancellationSource, type Failure, failure } from '../../core/index.js';
import { timerMs } from './limits.js';

export interface Stillness {
  /** For everything that works on the stream. */
  readonly control: CallOptions;
  /** Something came, went or was scored. */
  readonly moved: () => void;
  /** What a failure of the work means: it was cancelled because of the stillness, or is what it is. */
  readonly told: (failed: Failure) => Failure;
  readonly release: () => void;
}

/** Cancels with `control`, or when nothing moved for `limitMs`, the limit `request_timeout_ms`. */
export const watchStillness = ({ cancellation: given }: CallOptions, limitMs: number): Stillness => {
  const { cancellation, cancel } = cancellationSource();
  let isStill = false;
  const timer = setTimeout(() => {
    isStill = true;
    cancel();
  }, timerMs(limitMs));
  const forget = given.onAbort(cancel);
  return {
    control: { deadlineMs: Number.POSITIVE_INFINITY, cancellation },
    moved: () => void timer.refresh(),
    told: (failed) =>
      isStill && failed.tag === 'Cancelled'
        ? failure(
            'DeadlineExceeded',
            `No row arrived, was scored or was taken within the limit request_timeout_ms, which is ${limitMs}: send rows and read the answer at the same time, or have the predictions written to an output_location.`,
          )
        : failed,
    release: () => {
      clearTimeout(timer);
      forget();
    },
  };
};

/** The project that is asked: every request bounded in time, tried again where it failed for a passing reason, its refusals told as failures. */
import type * as E from 'fp-ts/lib/Either.js';
import type { CallOptions, Failure } from '../../core/index.js';
import { type Attempt, bounded } from '../google-cloud/bounded.js';
import { orRaise, raised } from '../google-cloud/errors.js';
import { persistently, type RetryPolicy } from '../google-cloud/persistently.js';
import { type ApiRequest, type ClientOptions, type Json, openClient, type Send } from './client.js';
import { type About, bigquery, isRefused, meaningOf } from './errors.js';

export interface WarehouseOptions extends ClientOptions {
  /** After so long without a byte on the line a request is given up, and tried again; 20,000 by default. */
  readonly idleTimeoutMs?: number;
  readonly retries?: RetryPolicy;
}

/** What a request is about, and how its refusal is told. */
export type Topic = Omit<About, 'project'> & { readonly what: string };

export interface Warehouse {
  /** As messages call it. */
  readonly place: string;
  /** Fails `InvalidInput` when no project is known. */
  readonly project: (call: CallOptions) => Promise<string>;
  readonly ask: (topic: Topic, call: CallOptions, request: ApiRequest) => Promise<E.Either<Failure, Json>>;
  /** Raises the failure of a call that is already over. */
  readonly assertOngoing: (what: string, call: CallOptions) => Promise<void>;
}

export const openWarehouse = (options: WarehouseOptions): Warehouse => {
  const { project, send } = openClient(options);
  const place = options.project === undefined ? 'the project of the credentials' : `project ${options.project}`;
  const within = bounded(bigquery, place, options.idleTimeoutMs ?? 20_000);
  const again = persistently(options.retries);

  const attempted =
    ({ what: _, ...about }: Topic, request: ApiRequest) =>
    async (attempt: Attempt): ReturnType<Send> => {
      try {
        return await send(attempt, request);
      } catch (error) {
        throw isRefused(error) ? raised(meaningOf(error.refusal, { ...about, project: await project() })) : error;
      }
    };

  return {
    place,
    project: async (call) => orRaise(await within('its name', call, project)()),
    ask: (topic, call, request) => again(call, within(topic.what, call, attempted(topic, request)))(),
    assertOngoing: async (what, call) => orRaise(await within(what, call, async () => undefined)()),
  };
};

/** Node as the host: the contract, and cancellations. */
import test from 'ava';
import { cancellationOf, nodeHost } from '../../adapters/node-host.js';
import { hostContract } from '../contracts/host.js';

for (const { name, run } of hostContract) {
  test(name, async (t) => {
    await run({ host: nodeHost() });
    t.pass();
  });
}

test('quantiles of the greatest and smallest numbers do not throw', (t) => {
  const sketch = nodeHost().quantileSketch();
  for (const value of [Number.MAX_VALUE, -Number.MAX_VALUE, Number.MIN_VALUE, -0]) sketch.add(value);
  t.false(Number.isNaN(sketch.quantile(0.5)));
});

test('a cancellation follows its signal: once, at once when it came before, never after one stopped listening', (t) => {
  const controller = new AbortController();
  const cancellation = cancellationOf(controller.signal);
  const heard: Array<string> = [];
  cancellation.onAbort(() => heard.push('before'));
  cancellation.onAbort(() => heard.push('stopped'))();
  t.false(cancellation.aborted);
  controller.abort();
  t.true(cancellation.aborted);
  cancellation.onAbort(() => heard.push('after'))();
  t.deepEqual(heard, ['before', 'after']);
});

test('many calls may wait for the same cancellation: no warning of a leak, and each hears it', async (t) => {
  const warnings: Error[] = [];
  const hear = (warning: Error): void => void warnings.push(warning);
  process.on('warning', hear);
  t.teardown(() => process.off('warning', hear));
  const controller = new AbortController();
  const cancellation = cancellationOf(controller.signal);
  let heard = 0;
  const hearIt = (): void => void heard++;
  const forget = Array.from({ length: 100 }, () => cancellation.onAbort(hearIt));
  forget[0]?.();
  await new Promise((resolve) => setImmediate(resolve));
  controller.abort();
  t.is(heard, 99);
  t.deepEqual(warnings, []);
});

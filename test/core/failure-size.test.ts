/** No failure is as large as the request that it is of. */
import test from 'ava';
import type { Service } from '../../core/index.js';
import { left, makeRegistry, registerAll, request } from '../support/registry.js';

const long = 'k'.repeat(2_000_000);
const score = { model_type: 'rating', model_name: 'prod' };

const cases: ReadonlyArray<
  readonly [what: string, ask: (service: Service) => ReturnType<Service['score' | 'models' | 'register']>]
> = [
  ['a field', (service) => service.score({ ...score, [long]: 1 })],
  ['a value', (service) => service.score({ ...score, model_name: long })],
  ['a data source', (service) => service.score({ ...score, data_source: long })],
  ['a data source beside data', (service) => service.score({ ...score, data: [], data_source: long })],
  ['an output location', (service) => service.score({ ...score, data: [], output_location: `/${long}` })],
  ['a column of no list', (service) => service.score({ ...score, data: { [long]: 1 } })],
  ['a column of another length', (service) => service.score({ ...score, data: { [long]: [1], [`${long}2`]: [] } })],
  ['a column that comes twice', (service) => service.score({ ...score, data: { columns: [long, long], data: [] } })],
  ['columns that nobody wants', (service) => service.score({ ...score, data: [{ [long]: 1 }] })],
  ['a text in a number', (service) => service.score({ ...score, data: [{ age: long, weight: 1 }] })],
  ['a page token', (service) => service.models({ page_token: long })],
  ['an idempotency key', (service) => service.register(request({ idempotency_key: long, description: 'another' }))],
  ['metadata', (service) => service.register({ ...request(), metadata: { [long]: 1 } })],
];

for (const [what, ask] of cases) {
  test(`a failure is short although this is long: ${what}`, async (t) => {
    const { service } = await makeRegistry();
    await registerAll(service, [{ idempotency_key: long }]);
    const failed = await left<unknown>(ask(service));
    const size = JSON.stringify(failed).length;
    t.true(size < 2_000, `${size} characters`);
  });
}

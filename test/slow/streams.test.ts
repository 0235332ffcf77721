/** Five million rows of NDJSON through a server and back as NDJSON: every row once, in order, in the memory of a few thousand. */
import { readFile } from 'node:fs/promises';
import { request, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import test from 'ava';
import { emptyFolder, games, run, shown, start } from '../apps/cli/command-line.js';

const rowCount = 5_000_000;
const rowsInPart = 500;
/** When everything is loaded and has been used. */
const settledRows = 500_000;

const register = [
  ...['register', '--model-type', 'rating', '--experiment', 'linear_rating_model', '--name', 'prod'],
  ...['--experiments', join(games, 'models/experiments'), '--skip-validation'],
];

const golden = await readFile(join(games, 'models/experiments/rating/linear_rating_model/v1/golden.json'), 'utf8');
const { data } = JSON.parse(golden) as { readonly data: Readonly<Record<string, ReadonlyArray<unknown>>> };

/** Some hundred lines, of the golden rows. */
const part = Array.from({ length: rowsInPart }, (_, row) => {
  const cells = Object.entries(data).map(([name, values]) => [name, values[row % values.length]]);
  return `${JSON.stringify(Object.fromEntries(cells))}\n`;
}).join('');

const residentBytes = async (url: string): Promise<number> =>
  Number(/^process_resident_memory_bytes (\S+)/m.exec(await (await fetch(`${url}/metrics`)).text())?.[1]);

test('five million rows stream through a server whose memory does not grow', async (t) => {
  t.timeout(1_200_000);
  const cwd = await emptyFolder();
  const env = { SCOREKEEPER_LOCAL_DIR: cwd, PORT: '0' };
  t.is((await run(cwd, register, { env })).code, 0);
  const service = start(cwd, ['serve'], env);
  t.teardown(() => service.child.kill('SIGKILL'));
  const url = (await shown(service, /listening on (\S+)/))[1] ?? '';

  const asking = request(`${url}/score?model_type=rating&model_name=prod`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson', accept: 'application/x-ndjson' },
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) =>
    asking.on('response', resolve).on('error', reject),
  );
  const rows = function* () {
    for (let sent = 0; sent < rowCount; sent += rowsInPart) yield part;
  };
  const sent = pipeline(Readable.from(rows()), asking);

  let lines = 0;
  let tail = '';
  const peaks = { before: 0, after: 0 };
  const measure = async (): Promise<void> => {
    const bytes = await residentBytes(url);
    const phase = lines < settledRows ? 'before' : 'after';
    peaks[phase] = Math.max(peaks[phase], bytes);
  };
  const every = setInterval(() => void measure().catch(() => undefined), 250);
  for await (const received of (await answered) as AsyncIterable<Buffer>) {
    for (let at = received.indexOf(0x0a); at >= 0; at = received.indexOf(0x0a, at + 1)) lines++;
    tail = `${tail}${received.toString('utf8')}`.slice(-20_000);
  }
  clearInterval(every);
  await sent;
  t.is(lines, rowCount + 1);
  const [last, report] = tail.trimEnd().split('\n').slice(-2);
  t.is((JSON.parse(`${last}`) as { readonly row: number }).row, rowCount - 1);
  t.regex(`${report}`, new RegExp(`^\\{"\\$report":.*"total_scored":${rowCount}`));
  t.log(
    `resident: ${Math.round(peaks.before / 2 ** 20)} MiB within the first ${settledRows} rows, then ${Math.round(peaks.after / 2 ** 20)} MiB`,
  );
  t.true(peaks.before > 0 && peaks.after <= 1.2 * peaks.before, `${peaks.before} and then ${peaks.after} bytes`);
});

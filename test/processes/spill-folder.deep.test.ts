/** What a source and a sink spill is gone with them, however they or their process end. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { openRowStage } from '../../adapters/duckdb/row-stage.js';
import { ownSpillFolder } from '../../adapters/duckdb/spill-folder.js';
import { filesUnder, removeTemporaryFolders, temporaryFolder } from '../adapters/duckdb/files.js';

test.after.always(removeTemporaryFolders);

const endings: ReadonlyArray<
  readonly [what: string, ending: string, signal: NodeJS.Signals | undefined, code: number | null]
> = [
  ['a commit', 'commit', undefined, 0],
  ['an abort in the middle of the rows', 'abort', undefined, 0],
  ['an exit of the process', 'exit', undefined, 0],
  ['SIGINT', 'kill', 'SIGINT', null],
  ['SIGTERM', 'kill', 'SIGTERM', null],
  ['SIGHUP', 'kill', 'SIGHUP', null],
  ['a cancellation by SIGTERM', 'cancel', 'SIGTERM', 0],
  ['SIGTERM, where somebody else ends the process', 'exit on SIGTERM', 'SIGTERM', 3],
];
for (const [what, ending, signal, code] of endings) {
  test.serial(`nothing is left in the temporary folder after ${what}`, async (t) => {
    const temporary = await temporaryFolder();
    const root = await temporaryFolder();
    const child = fork(fileURLToPath(new URL('../adapters/duckdb/spilling.js', import.meta.url)), [root, ending], {
      env: { ...process.env, TMPDIR: temporary },
    });
    const ended = once(child, 'exit');
    const first = await Promise.race([once(child, 'message'), ended]);
    t.deepEqual(first, ['both spill', undefined]);
    if (signal !== undefined) child.kill(signal);
    t.deepEqual(await ended, [code, code === null ? signal : null]);
    t.deepEqual(await readdir(temporary), []);
    // A process that is killed leaves its unfinished output only.
    if (!ending.startsWith('exit') && ending !== 'kill') {
      t.deepEqual(await filesUnder(root), ending === 'commit' ? ['a.parquet'] : []);
    }
  });
}

test.serial('nobody listens to signals for folders that are gone, and a folder may be removed twice', async (t) => {
  const before = process.listenerCount('SIGTERM');
  const [one, other] = [ownSpillFolder(), ownSpillFolder()];
  t.is(process.listenerCount('SIGTERM'), before + 1);
  await one.remove();
  await one.remove();
  t.is(process.listenerCount('SIGTERM'), before + 1);
  await other.remove();
  t.is(process.listenerCount('SIGTERM'), before);
  t.false((await readdir(tmpdir())).some((name) => one.path.endsWith(name) || other.path.endsWith(name)));
});

test.serial('an output that does not begin leaves nobody listening', async (t) => {
  const before = process.listenerCount('SIGTERM');
  const path = join(await temporaryFolder(), 'a.parquet');
  const schema = { columns: [], constants: [] };
  await t.throwsAsync(openRowStage(schema, path, 'parquet', { memoryLimitBytes: 2 ** 26, threads: 0 }));
  t.is(process.listenerCount('SIGTERM'), before);
});

/** Job folders in memory keep the port's promises. */
import test from 'ava';
import { memoryDataSource } from '../../../adapters/memory/data-source.js';
import { memoryJobFolders } from '../../../adapters/memory/job-folder.js';
import { memoryPredictionSink } from '../../../adapters/memory/prediction-sink.js';
import type { RowBatch } from '../../../core/index.js';
import { jobFolderContract } from '../../contracts/job-folder.js';
import { call, right } from '../duckdb/files.js';
import { rowsOf } from './outputs.js';

for (const { name, run } of jobFolderContract) {
  test(name, async (t) => {
    const sink = memoryPredictionSink();
    const staged = new Map<string, RowBatch>();
    const openJobFolder = memoryJobFolders({ sink, staged });
    await run({
      openJob: (jobId) => openJobFolder(`${sink.root}/out.parquet.job/${jobId}`),
      write: async (path, rows) => {
        const source = memoryDataSource({ table: rows, keys: [], staged });
        const { stage } = await right(source.open({}, call, { stagePath: path }));
        if (stage === undefined) throw new Error('it cannot be staged');
        return (await right(stage([]))).rows;
      },
      readBack: async (location) => {
        const output = sink.outputs.get(location);
        return output === undefined ? undefined : rowsOf(output);
      },
    });
    t.pass();
  });
}

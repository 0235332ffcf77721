/** The in-memory prediction sink keeps the port's promises. */
import test from 'ava';
import { memoryPredictionSink } from '../../../adapters/memory/prediction-sink.js';
import { predictionSinkContract } from '../../contracts/prediction-sink.js';
import { rowsOf } from './outputs.js';

for (const { name, run } of predictionSinkContract) {
  test(name, async (t) => {
    const sink = memoryPredictionSink();
    await run({
      sink,
      extension: '.parquet',
      readBack: async (location) => {
        const output = sink.outputs.get(location);
        return output === undefined ? undefined : rowsOf(output);
      },
      stored: async () => [...sink.outputs.keys()],
    });
    t.pass();
  });
}

// A thread that registers the next version whenever it is told a number, and tells the version.
import { parentPort, workerData } from 'node:worker_threads';
import { registerNext, serviceOver } from './versions.mjs';

const { folder, modelType, experiment } = workerData;
const service = serviceOver(folder);
parentPort.on('message', (number) => {
  void registerNext(service, folder, modelType, experiment, number).then(({ registration }) =>
    parentPort.postMessage(registration.version),
  );
});

// How many requests a server answers, over 16 connections that ask one after the other. BENCH_SECONDS says for how long.
import { readFileSync } from 'node:fs';
import autocannon from 'autocannon';

const load = async (url, body) => {
  const { requests, non2xx, errors } = await autocannon({
    ...{ url, body, method: 'POST', headers: { 'content-type': 'application/json' } },
    ...{ connections: 16, duration: Number(process.env.BENCH_SECONDS ?? 3) },
  });
  if (non2xx + errors > 0) throw new Error(`${url}: ${non2xx} answers that are no success, ${errors} errors`);
  return requests;
};

/** In a second on the clock. */
export const requestsPerSecond = (url, body) => async () => (await load(url, body)).average;

/** Of all threads of a process, in hundredths of a second since it began (Linux: proc_pid_stat(5)). */
const processorTicks = (pid) => {
  const [, fields = ''] = /\) (.*)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
  const [utime, stime] = fields.split(' ').slice(11, 13).map(Number);
  return utime + stime;
};

/** In a second of the processor's time: on a machine that others use, the steadier figure. */
export const requestsPerProcessorSecond = (url, body, pid) => async () => {
  const before = processorTicks(pid);
  const { total } = await load(url, body);
  return total / ((processorTicks(pid) - before) / 100);
};

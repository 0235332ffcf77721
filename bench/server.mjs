// Starts servers for the benchmarks as processes of their own, which end with this one.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { cli } from './games.mjs';

/** Starts a program that prints its address, on stdout or stderr; answers with the address and the process. */
export const startServer = async (command, words, env = {}) => {
  const child = spawn(command, words, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  process.once('exit', () => child.kill());
  let said = '';
  const told = (stream) =>
    new Promise((resolve) => {
      createInterface({ input: stream }).on('line', (line) => {
        said = `${said}${line}\n`.slice(-4_096);
        const address = /http:\/\/[\d.]+:\d+/.exec(line)?.[0];
        if (address !== undefined) resolve(address);
      });
    });
  const url = await Promise.race([
    told(child.stdout),
    told(child.stderr),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`${words.join(' ')} ended with ${code}: ${said}`))),
  ]);
  child.once('exit', (code) => {
    if (code !== null && code !== 0) throw new Error(`${words.join(' ')} ended with ${code}: ${said}`);
  });
  return { url, child };
};

/** `scorekeeper serve` on a port that is free. */
export const startScorekeeper = (words, env = {}) =>
  startServer(process.execPath, [cli, 'serve', '--port', '0', ...words], env);

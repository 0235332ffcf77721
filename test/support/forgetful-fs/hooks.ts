/** A module hook: whoever in the local adapter imports `node:fs/promises` gets the forgetful one. */
import type { ResolveHook } from 'node:module';

const adapter = new URL('../../../adapters/local-filesystem/', import.meta.url).href;
const forgetful = new URL('./promises.js', import.meta.url).href;

export const resolve: ResolveHook = (specifier, context, nextResolve) =>
  specifier === 'node:fs/promises' && context.parentURL?.startsWith(adapter) === true
    ? { url: forgetful, shortCircuit: true }
    : nextResolve(specifier, context);

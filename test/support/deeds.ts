/** What is asked of a registry, and how to see later that what it answered is still so. */
import assert from 'node:assert/strict';
import type { RegisterRequest, Service } from '../../core/index.js';
import { request, right } from './registry.js';

export interface Deed {
  /** May be asked again when nobody knows whether it was done. */
  readonly ask: (service: Service) => Promise<StillSo>;
}
export type StillSo = (service: Service) => Promise<void>;

const versionOf = async (service: Service, model_name: string, version: number) =>
  (await right(service.info({ model_type: 'rating', model_name, version }))).info.registration;

export const registers = (fields: Partial<RegisterRequest>): Deed => ({
  ask: async (service) => {
    const { registration } = await right(service.register(request(fields)));
    // What happens to a version later is shown with it.
    const { status: _, ...told } = registration;
    return async (later) => {
      const shown = await versionOf(later, told.name, told.version);
      assert.deepEqual({ ...shown, ...told }, shown);
    };
  },
});

export const promotes = (alias: string, version: number): Deed => ({
  ask: async (service) => {
    const movesNow = async (asked: Service) => {
      const { moves } = await right(asked.history({ model_type: 'rating', model_name: 'prod' }));
      return moves.filter((move) => move.alias === alias);
    };
    await right(service.promote({ model_type: 'rating', model_name: 'prod', alias, model_version: version }));
    const moves = await movesNow(service);
    return async (later) => assert.deepEqual((await movesNow(later)).slice(0, moves.length), moves);
  },
});

/** Archives or deletes a version of `rating/{name}`. */
export const marks = (how: 'archived' | 'deleted', name: string, version: number): Deed => ({
  ask: async (service) => {
    const change = how === 'archived' ? service.archive : service.deleteVersion;
    await right(change({ model_type: 'rating', model_name: name, model_version: version }));
    return async (later) => assert.equal((await versionOf(later, name, version)).status, how);
  },
});

/** Finishes what was left unfinished. */
export const verifies: Deed = {
  ask: async (service) => {
    await right(service.verify({}));
    return async (later) => assert.deepEqual((await right(later.verify({}))).problems, []);
  },
};

/** A module hook that plants a fault in the file it belongs to, whoever loads it. */
import { writeFileSync } from 'node:fs';
import type { InitializeHook, LoadHook } from 'node:module';
import { type PlantedFault, planted } from './faults.js';

/** `trace` is a file that is made when the fault was planted. */
export interface Planting {
  readonly fault: PlantedFault;
  readonly trace: string;
}

let planting: (Planting & { readonly url: string }) | undefined;

export const initialize: InitializeHook<Planting> = (given) => {
  planting = { ...given, url: new URL(`../../../${given.fault.file}`, import.meta.url).href };
};

export const load: LoadHook = async (url, context, nextLoad) => {
  const loaded = await nextLoad(url, context);
  if (planting === undefined || url !== planting.url) return loaded;
  const source = planted(Buffer.from(loaded.source as Uint8Array).toString(), planting.fault);
  writeFileSync(planting.trace, '');
  return { ...loaded, source };
};

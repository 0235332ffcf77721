/** Given to `node --import`: plants the fault that `PLANTED_FAULT` holds in this process and those that it starts. */
import { register } from 'node:module';
import type { Planting } from './hooks.js';

const planting: Planting = JSON.parse(process.env['PLANTED_FAULT'] ?? 'null');
register('./hooks.js', import.meta.url, { data: planting });

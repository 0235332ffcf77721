/** The local adapter as it ships, on forgetful disks: in this process it has no other file system. */
import { register } from 'node:module';
import type { ArtifactStore } from '../../../core/index.js';

register('./hooks.js', import.meta.url);

// Loaded after the hook, and by nobody before: it would have the real file system then, in which there are no such paths.
const { localFilesystemArtifactStore } = await import('../../../adapters/local-filesystem/artifact-store.js');

/** A store below the path of a mounted disk, in a folder that its first write makes. */
export const storeOnDisk = (path: string): ArtifactStore => localFilesystemArtifactStore({ root: `${path}/srv/store` });

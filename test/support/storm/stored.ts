/** What a store holds after a storm: its versions, and what killed processes left over. */
import * as E from 'fp-ts/lib/Either.js';
import { type ArtifactStore, openDocument, Registration, Tombstone } from '../../../core/index.js';
import { contentOf, host } from '../registry.js';
import type { StoredVersion } from './history.js';
import { sha256 } from './operations.js';

const type = 'models/registered/rating';

/** Every version folder of every model. */
export const storedVersions = async (store: ArtifactStore): Promise<ReadonlyArray<StoredVersion>> => {
  const content = await contentOf(store, type);
  const folders = new Set(Object.keys(content).map((key) => key.slice(0, key.lastIndexOf('/'))));
  return [...folders].map((folder): StoredVersion => {
    const [model = '', version = ''] = folder.slice(type.length + 1).split('/v');
    const place = { model, version: Number(version) };
    const record = content[`${folder}/registration.json`];
    if (record === undefined) return { ...place, status: 'unfinished' };
    const bytes = host.utf8.encode(record);
    if (E.isRight(openDocument(host)(Tombstone, folder)(bytes))) return { ...place, status: 'aborted' };
    const opened = openDocument(host)(Registration, folder)(bytes);
    if (E.isLeft(opened) || opened.right.version !== place.version) return { ...place, status: 'unreadable' };
    const { version: number, registration_id: registrationId, description: label, artifact } = opened.right;
    const artifactSha256 = sha256(host.utf8.encode(content[`${folder}/${artifact.file}`] ?? ''));
    const found = { version: number, registrationId, label, recordSha256: artifact.sha256, artifactSha256 };
    return { ...place, status: 'registered', found };
  });
};

/** How many artifacts lie staged: those of processes that were killed before they could tidy up. */
export const stagedCount = async (store: ArtifactStore): Promise<number> =>
  Object.keys(await contentOf(store, 'models/_registry/staging')).length;

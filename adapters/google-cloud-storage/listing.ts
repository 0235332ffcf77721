/** One level of a folder of the bucket, as keys. */
import type { Bucket } from '@google-cloud/storage';
import * as E from 'fp-ts/lib/Either.js';
import { checkKey, type Listing } from '../../core/index.js';
import { headOf, request } from './client.js';

/** The page of `folder` below `prefix` after `pageToken`. What cannot be a key is passed over. */
export const listFolder = async (
  bucket: Bucket,
  prefix: string,
  folder: string,
  limit: number,
  pageToken: string | undefined,
): Promise<Listing> => {
  const root = prefix === '' ? '' : `${prefix}/`;
  const here = folder === '' ? root : `${root}${folder}/`;
  const { items, prefixes, nextPageToken } = await request(bucket, {
    method: 'GET',
    path: '/o',
    query: {
      prefix: here,
      delimiter: '/',
      maxResults: limit,
      fields: 'items(name,size,generation,timeCreated),prefixes,nextPageToken',
      ...(pageToken === undefined ? {} : { pageToken }),
    },
  });
  const isKey = (name: string) => E.isRight(checkKey(name.slice(root.length)));
  return {
    objects: listOf<Readonly<Record<string, unknown>> & { readonly name: string }>(items)
      .filter(({ name }) => isKey(name))
      .map((resource) => ({ key: resource.name.slice(root.length), ...headOf(resource) }))
      .sort((a, b) => (a.key < b.key ? -1 : 1)),
    folders: listOf<string>(prefixes)
      .map((name) => name.slice(0, -1))
      .filter(isKey)
      .map((name) => name.slice(here.length))
      .sort(),
    ...(typeof nextPageToken === 'string' ? { nextPageToken } : {}),
  };
};

const listOf = <A>(value: unknown): ReadonlyArray<A> => (Array.isArray(value) ? value : []);

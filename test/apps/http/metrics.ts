/** Reads what a server tells of its metrics. */

/** The values of a metric by its labels, as they are written. */
export const metricOf = async (url: string, name: string): Promise<ReadonlyMap<string, number>> => {
  const text = await (await fetch(`${url}/metrics`)).text();
  return new Map(
    [...text.matchAll(new RegExp(`^${name}(\\{.*\\})? (\\S+)$`, 'gm'))].map(([, labels = '', value]) => [
      labels,
      Number(value),
    ]),
  );
};

/** One of its values; 0 while there is none. */
export const countOf = async (url: string, name: string, labels = ''): Promise<number> =>
  (await metricOf(url, name)).get(labels) ?? 0;

/** Waits until `condition` is so; the test's own timeout is the limit. */
export const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
};

// Measures in pairs: two sides in turn, so that a machine that drifts slows both, and a ratio of medians with its spread.
export const median = (values) => {
  const inOrder = [...values].sort((a, b) => a - b);
  const middle = inOrder.length >> 1;
  return inOrder.length % 2 === 1 ? inOrder[middle] : (inOrder[middle - 1] + inOrder[middle]) / 2;
};

/** Runs `ours` and `baseline` in turn, `pairs` times after one warm-up each; both answer with a number, the same figure of either. */
export const inPairs = (title, unit, pairs, ours, baseline) => {
  const inUnit = (side) => async () => ({ [unit]: await side() });
  return severalInPairs(title, pairs, inUnit(ours), inUnit(baseline));
};

/** The same with several figures of each run, by their units. */
export const severalInPairs = async (title, pairs, ours, baseline) => {
  await ours();
  await baseline();
  const rates = [];
  for (let pair = 0; pair < pairs; pair++) {
    const first = pair % 2 === 0 ? await ours() : undefined;
    const second = await baseline();
    rates.push([first ?? (await ours()), second]);
  }
  const shown = (value) => value.toLocaleString('en', { maximumFractionDigits: 0 });
  for (const unit of Object.keys(rates[0][0])) {
    const ratios = rates.map(([a, b]) => a[unit] / b[unit]);
    console.log(
      `${title}: ${median(ratios).toFixed(2)} × (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}, ` +
        `${pairs} pairs); ours ${shown(median(rates.map(([a]) => a[unit])))} ${unit}, ` +
        `baseline ${shown(median(rates.map(([, b]) => b[unit])))} ${unit}`,
    );
  }
};

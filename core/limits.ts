/** Refuses limits that are none, where a program gives them: compared with NaN, nothing is ever too much. */
import { show } from './decode.js';

/** What is wrong with the first of these limits that is no number, or a negative one; each is told by its name. */
export const limitFault = (limits: Readonly<Record<string, unknown>>): string | undefined => {
  const wrong = Object.entries(limits).find(([, limit]) => !(typeof limit === 'number' && limit >= 0));
  return wrong && `${wrong[0]} must be a number of 0 or more, got ${show(wrong[1])}: correct it, or leave it out.`;
};

/** Throws a RangeError: whoever wrote them is there to read it. */
export const checkLimits = (limits: Readonly<Record<string, unknown>>): void => {
  const fault = limitFault(limits);
  if (fault !== undefined) throw new RangeError(fault);
};

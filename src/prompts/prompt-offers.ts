// What hosts are shown of every prompt. The build runs this file and puts the result in its place, as with tools/offers.ts.

import { PROMPTS } from './prompt-catalog.ts';
import { promptOffer, type PromptOffer } from './prompt-offer.ts';

interface Offered {
  readonly offer: PromptOffer;
  /** The tools that it needs. */
  readonly tools: readonly string[];
}

export const promptOffers: readonly Offered[] = PROMPTS.map((prompt) => ({
  offer: promptOffer(prompt),
  tools: prompt.tools,
}));

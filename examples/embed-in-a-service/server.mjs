// A service of its own that happens to score: POST /rate takes one game and answers with its predicted rating.
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { scorekeeper } from './scoring.mjs';

const handle = async (request, response) => {
  const answer = (status, body) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify(body)}\n`);
  };
  if (request.method !== 'POST' || request.url !== '/rate') return answer(404, { error: 'POST /rate' });
  try {
    const game = await json(request);
    const scored = await scorekeeper.score({
      model_type: 'rating',
      model_name: 'production_rating_model',
      data: [game],
    })();
    return scored._tag === 'Right'
      ? answer(200, { rating: scored.right.predictions[0].prediction, version: scored.right.model_details.version })
      : answer(422, { error: scored.left.message });
  } catch {
    return answer(400, { error: 'send one game as a JSON object' });
  }
};

const server = createServer((request, response) => void handle(request, response));

server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => server.close(() => void scorekeeper.close()));
}

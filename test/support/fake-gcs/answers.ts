/** What the fake answers: results and errors in the shapes of the JSON API. */

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

export const json = (value: unknown, status = 200): Answer => ({
  status,
  headers: { 'content-type': 'application/json; charset=UTF-8' },
  body: Buffer.from(JSON.stringify(value)),
});

/** An error as https://cloud.google.com/storage/docs/json_api/v1/status-codes shows it. */
export const refusal = (status: number, reason: string, message: string, more: object = {}): Answer =>
  json({ error: { code: status, message, errors: [{ message, domain: 'global', reason, ...more }] } }, status);

export const noSuchObject = (bucket: string, name: string): Answer =>
  refusal(404, 'notFound', `No such object: ${bucket}/${name}`);

export const noSuchBucket = (): Answer => refusal(404, 'notFound', 'The specified bucket does not exist.');

export const conditionNotMet = (location = 'If-Match'): Answer =>
  refusal(412, 'conditionNotMet', 'At least one of the pre-conditions you specified did not hold.', {
    locationType: 'header',
    location,
  });

export const notModified: Answer = { status: 304 };

export const invalid = (message: string): Answer => refusal(400, 'invalid', message);

export const tooManyWrites = (bucket: string, name: string): Answer =>
  refusal(
    429,
    'rateLimitExceeded',
    `The object ${bucket}/${name} exceeded the rate limit for object mutation operations (create, update, and delete). Please reduce your request rate. See https://cloud.google.com/storage/docs/gcs429.`,
    { domain: 'usageLimits' },
  );

/** An error of any status, as a fault. */
export const refusalOf = (status: number): Answer => {
  switch (status) {
    case 401:
      return refusal(
        401,
        'required',
        'Anonymous caller does not have storage.objects.get access to the Google Cloud Storage object.',
      );
    case 403:
      return refusal(
        403,
        'forbidden',
        "someone@example.com does not have storage.objects.create access to the Google Cloud Storage object. Permission 'storage.objects.create' denied on resource (or it may not exist).",
      );
    case 429:
      return refusal(429, 'rateLimitExceeded', 'The rate of requests is too high. Please reduce it.', {
        domain: 'usageLimits',
      });
    default:
      return refusal(status, 'backendError', status === 503 ? 'Service Unavailable' : 'Backend Error');
  }
};

/** An error as a download tells it: the message alone, as text. */
export const asText = (answer: Answer): Answer => {
  if (answer.status < 400 || answer.body === undefined) return answer;
  const { error }: { readonly error?: { readonly message?: string } } = JSON.parse(answer.body.toString());
  return {
    status: answer.status,
    headers: { ...answer.headers, 'content-type': 'text/html; charset=UTF-8' },
    body: Buffer.from(`${error?.message}`),
  };
};

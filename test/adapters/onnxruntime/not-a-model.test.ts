/** What is told of an artifact that does not load: what it is instead, what is missing of it, or what of it this runtime does not take. */
import { deflateSync, gzipSync } from 'node:zlib';
import test from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import { onnxruntimeInferenceEngine } from '../../../adapters/onnxruntime/inference-engine.js';
import { reasonOf } from '../../../adapters/onnxruntime/session.js';
import { neverCancelled } from '../../../core/index.js';
import { onnxFixture } from '../../support/fixtures.js';

const engine = onnxruntimeInferenceEngine();
const call = { deadlineMs: Number.POSITIVE_INFINITY, cancellation: neverCancelled };
const model = await onnxFixture('columns');
const classifier = await onnxFixture('zipmap');

const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const bytesOf = (artifact: Uint8Array): string => Buffer.from(artifact).toString('latin1');

/** The model with what is `found` in its bytes replaced, the length unchanged. */
const edited = (artifact: Uint8Array, found: string, instead: string): Uint8Array => {
  const text = bytesOf(artifact);
  if (!text.includes(found) || found.length !== instead.length) throw new Error(`cannot edit ${JSON.stringify(found)}`);
  return latin1(text.replaceAll(found, instead));
};

const opsets = bytesOf(model).lastIndexOf('\x42\x04\x0a\x00\x10\x11');
const graph = bytesOf(model).indexOf('\x3a');

/** What the artifact is, its bytes, and all that is told of it. */
const cases: ReadonlyArray<readonly [what: string, artifact: Uint8Array, told: RegExp]> = [
  ['nothing', utf8(''), /^The artifact is empty \(0 bytes\)\. Copy or export it again\.$/],
  ['zeros', new Uint8Array(5000), /^The artifact holds nothing but zeros, .*\. Copy or export it again\.$/],
  [
    'text',
    utf8('\n  Não é um modelo ♟.\nAt all.\n'),
    /^The artifact is text that begins with "Não é um modelo ♟\.", not an ONNX model\. Put the exported model in its place\.$/,
  ],
  ['long text', utf8('♟'.repeat(5000)), /^The artifact is text that begins with "♟{60}", not an ONNX model\./],
  ['JSON', utf8('{"a": 1}'), /^The artifact is text that begins with "\{\\"a\\": 1\}", not/],
  ['HTML', utf8('\n<!DOCTYPE html>\n<html>'), /^The artifact is an HTML or XML page, .*\. Download the file itself\.$/],
  ['XML', utf8('<?xml version="1.0"?><Error/>'), /^The artifact is an HTML or XML page, /],
  [
    'a Git LFS pointer',
    utf8('version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n'),
    /^The artifact is a Git LFS pointer, not the model itself\. Fetch the model with git lfs pull\.$/,
  ],
  ['a pickle', latin1('\x80\x04\x95\x10'), /^The artifact is a Python pickle, .*examples\/export_sklearn\.py does\.$/],
  [
    'what joblib compressed',
    deflateSync('pickle'),
    /^The artifact is compressed with zlib, as joblib writes pickles\./,
  ],
  ['a compressed model', gzipSync(model), /^The artifact is compressed with gzip\. Decompress it first\.$/],
  ['a zip archive', latin1('PK\x03\x04\x14\x00'), /^The artifact is a zip archive, as PyTorch/],
  ['HDF5', latin1('\x89HDF\r\n\x1a\n\x00'), /^The artifact is an HDF5 file, as Keras writes, .*tf2onnx/],
  [
    'random bytes',
    latin1('\xf3\x01\x9a\x00\xff\x7f\x0b\x42\x80'),
    /^The artifact is no ONNX model: its 9 bytes begin with f3 01 9a 00 ff 7f 0b 42\. Put the exported model in its place\.$/,
  ],
  [
    'half a model',
    model.subarray(0, graph + 50),
    /^The artifact is cut off: at least \d{2,3} bytes are missing at its end\. Copy or export it again\.$/,
  ],
  ['a model but for its last byte', model.subarray(0, -1), /^The artifact is cut off: at least one byte is missing/],
  ['a model without its graph', model.subarray(0, graph), /^The artifact is cut off: it ends before its graph\./],
  ['a model without opsets', model.subarray(0, opsets), /^The artifact names no opset, /],
  [
    'a model and more',
    latin1(`${bytesOf(model)}\0\0`),
    /^The artifact begins as an ONNX model and is damaged further on/,
  ],
  [
    'a model with a hole',
    edited(model, '\x12\x0f\x0a\x0d', '\xff\xff\xff\xff'),
    /^The artifact begins as an ONNX model and is damaged further on\. Copy or export it again\.$/,
  ],
  [
    'a later opset',
    edited(model, 'ai.onnx.ml\x10\x03', 'ai.onnx.ml\x10\x63'),
    /^The artifact needs opset 99 of ai\.onnx\.ml, and this ONNX Runtime has up to opset \d\. Export it with a target_opset of \d or less for ai\.onnx\.ml\.$/,
  ],
  [
    'a later IR version',
    edited(model, '\x08\x08\x12\x0bscorekeeper', '\x08\x63\x12\x0bscorekeeper'),
    /^The artifact has the ONNX IR version 99, and this ONNX Runtime reads up to \d\d\. Export it with /,
  ],
  [
    'an operator that is none',
    edited(model, 'Gemm', 'Gimm'),
    /^The artifact has the operator Gimm, which this ONNX Runtime does not have in opset 17\. Export it without /,
  ],
  [
    'an operator of a domain that is none',
    edited(classifier, 'ai.onnx.ml', 'ai.none.ml'),
    /^The artifact has the operator \w+ of ai\.none\.ml, which this ONNX Runtime does not have\. Export it without /,
  ],
];

for (const [what, artifact, told] of cases) {
  test(`it tells what is wrong with ${what}`, async (t) => {
    const loaded = await engine.load(artifact, call)();
    if (E.isRight(loaded)) return t.fail('it loads');
    t.is(loaded.left.tag, 'ArtifactUnreadable');
    t.regex(loaded.left.message, told);
  });
}

test('an inspection, which is in another process, tells the same', async (t) => {
  const half = model.subarray(0, 100);
  t.deepEqual(await engine.inspect(half, [], call)(), await engine.load(half, call)());
});

test('of what the runtime says, the places in its sources are left out', (t) => {
  const said = (place: string): string => reasonOf(new Error(`${place} The model is odd (very).`));
  for (const place of [
    '/src/onnxruntime/core/graph/model.cc:202 onnxruntime::Model::Model(onnx::ModelProto&&, const onnxruntime::PathString&)',
    '/src/utils.h:46 void onnxruntime::utils::Validate(const std::unordered_map<std::__cxx11::basic_string<char>, int>&, bool)',
    'a.cc:1 onnxruntime::common::Status onnxruntime::Apply(std::function<void(int)>, int) const',
    'tensorprotoutils.cc:461 ValidateExternalDataPath',
    'Non-zero status code. Status Message: b.cc:2 Run',
  ]) {
    t.is(said(place), 'The model is odd (very)');
  }
});

// Records what other tokenizers make of texts: npm's gpt-3-encoder (OpenAI's encoder.py in JavaScript, with GPT-2's own
// merges) and Hugging Face's `tokenizers`.
//
//   npm install --prefix FOLDER gpt-3-encoder@1.1.4 tokenizers@0.23.2
//   NODE_PATH=FOLDER/node_modules node tests/golden/record_tokenizers.js                  # records anew
//   NODE_PATH=FOLDER/node_modules node tests/golden/record_tokenizers.js --check PROGRAM TEXT ...
//
// --check encodes these and other texts with all of GPT-2's merges, by the program and by the two libraries; trains on
// the texts with the program and with Hugging Face's trainer; and loads what the program writes with Hugging Face's.
const fs = require('fs');
const os = require('os');
const path = require('path');
const {execFileSync} = require('child_process');
const gpt3 = require('gpt-3-encoder');
const hf = require('tokenizers');

const folder = path.dirname(require.resolve('gpt-3-encoder'));
const vocab = JSON.parse(fs.readFileSync(path.join(folder, 'encoder.json'), 'utf8'));
const merges = fs.readFileSync(path.join(folder, 'vocab.bpe'), 'utf8').split('\n').slice(1).filter((line) => line);
const versionOf = (name) => JSON.parse(fs.readFileSync(path.join(path.dirname(require.resolve(name)), 'package.json'))).version;

const texts = {
  hello: 'Hello world! Hello  world!!\n',
  contractions: "I'm sure they'll say it's what you've done; he'd n't WON'T 'S 's't're",
  numbers: '3.14159 2024-02-29 1,000,000 ½ ٣٤ Ⅷ x2 2x',
  white_space: '  two   three\t\ttabs\r\n\r\n  indented\n\n\n   \n end   ',
  trailing_space: 'a ',
  only_spaces: '     ',
  no_break_spaces: 'a\u00a0b \u2003c\u3000d\u2028e \u202f',
  next_line_and_mark: 'a\u0085b \ufeffc \u180ed',
  python: 'def f(x, *args, **kwargs):\n    """Doc."""\n    return [y**2 for y in x if y != 0x1F]  # done\n',
  cpp: '#include <vector>\ntemplate <class T>\nstd::vector<T> f(const T&& x) { return {x->y, !x, ~x & 0xff}; }\n',
  json: '{"a": [1, 2.5e-3, null], "b\\n": "\\u00e9"}',
  url: 'https://example.com/a_b?c=d&e=%20#f',
  german: 'Größenmaße über Äpfel; Straße',
  french: "L'été, c'est déjà fini : « voilà »",
  combining: 'e\u0301 n\u0303 क्षि नमस्ते',
  russian: 'Съешь же ещё этих мягких французских булок',
  greek: 'Ξεσκεπάζω την ψυχοφθόρα βδελυγμία',
  hebrew_arabic: 'שלום עולם مرحبا بالعالم',
  chinese: '我能吞下玻璃而不伤身体。',
  japanese: 'いろはにほへと ちりぬるを カタカナ',
  korean: '다람쥐 헌 쳇바퀴에 타고파',
  thai: 'เป็นมนุษย์สุดประเสริฐ',
  emoji: 'Hi 😀😃 👩‍👩‍👧‍👦 🇩🇪 👍🏽 ❤️ ☃',
  beyond_the_plane: '𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐍈 𝟘𝟙',
  signs: '!!! ... ---- ==> <|> (){}[] $€£ ©®™ “quoted” ‘it’s’ – —',
  control: 'a\u0000b\u0001\u001b[0m\u007f',
  shakespeare: 'First Citizen:\nBefore we proceed any further, hear me speak.\n\nAll:\nSpeak, speak.\n',
  long_word: 'antidisestablishmentarianism Donaudampfschifffahrtsgesellschaft pneumonoultramicroscopicsilicovolcanoconiosis',
  repeated: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaa!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!================================',
  javascript_names: ' constructor __proto__ toString valueOf hasOwnProperty',
  added_token: 'one<|endoftext|>two <|endoftext|> <|endoftext|><|endoftext',
};
const trained = {
  shakespeare: {text: texts.shakespeare.repeat(2), vocab_size: 280},
  repeated: {text: 'aaaa aaaa aaa abab ababab abcabc', vocab_size: 270},
  until_the_end: {text: 'low lower lowest newer newest wider widest', vocab_size: 400},
  code: {text: texts.python + texts.cpp + texts.json, vocab_size: 300},
  languages: {text: texts.german + texts.russian + texts.chinese + texts.emoji, vocab_size: 290},
};

function tokenizerJson(vocab, merges) {
  const flags = {single_word: false, lstrip: false, rstrip: false, normalized: true, special: true};
  return {
    version: '1.0', truncation: null, padding: null,
    added_tokens: [{id: 50256, content: '<|endoftext|>', ...flags}],
    normalizer: null,
    pre_tokenizer: {type: 'ByteLevel', add_prefix_space: false, trim_offsets: true},
    post_processor: {type: 'ByteLevel', add_prefix_space: true, trim_offsets: false},
    decoder: {type: 'ByteLevel', add_prefix_space: true, trim_offsets: true},
    model: {type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: '', end_of_word_suffix: '',
            fuse_unk: false, vocab, merges},
  };
}

function inTemporaryFolder(use) {
  const temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'tokenizers-'));
  try {
    return use(temporary);
  } finally {
    fs.rmSync(temporary, {recursive: true});
  }
}

function loadHf(json) {
  return inTemporaryFolder((temporary) => {
    const file = path.join(temporary, 'tokenizer.json');
    fs.writeFileSync(file, JSON.stringify(json));
    return hf.Tokenizer.fromFile(file);
  });
}

// Hugging Face's trainer reads a file line by line, so that no piece reaches across a line's end. In such a text none would.
const withoutBlankEdges = (text) => text.replace(/\s*\n\s*/g, '\n');

// gpt-3-encoder takes quadratic time, so a long text is given to it in parts. They end where a piece does.
function encodeWithGpt3(text) {
  const ids = [];
  for (let begin = 0; begin < text.length;) {
    const lineEnd = /\S\n(?=\S)/g;
    lineEnd.lastIndex = begin + 10000;
    const found = lineEnd.exec(text);
    const end = found ? found.index + 1 : text.length;
    for (const id of gpt3.encode(text.slice(begin, end))) ids.push(id);
    begin = end;
  }
  return ids;
}

const idsOf = async (tokenizer, text) => Array.from((await tokenizer.encode(text)).getIds());
const same = (a, b) => a.length === b.length && a.every((x, i) => x === b[i]);

// Hugging Face's trainer, which here can't be told a size: it goes on to 30,000 tokens. But whatever the size, it begins
// in the same way.
function trainHf(files) {
  const tokenizer = new hf.Tokenizer(hf.BPE.empty());
  tokenizer.setPreTokenizer(hf.byteLevelPreTokenizer(false));
  tokenizer.train(files);
  return inTemporaryFolder((temporary) => {
    const file = path.join(temporary, 'tokenizer.json');
    tokenizer.save(file);
    const merges = JSON.parse(fs.readFileSync(file, 'utf8')).model.merges;
    return merges.map((merge) => (Array.isArray(merge) ? merge.join(' ') : merge));
  });
}

function trainHfOnText(text) {
  return inTemporaryFolder((temporary) => {
    fs.writeFileSync(path.join(temporary, 'text'), text);
    return trainHf([path.join(temporary, 'text')]);
  });
}

// The merges that can be asked for while these texts are encoded, and the tokens in them, with GPT-2's own ids.
function subset() {
  const rank = new Map(merges.map((merge, i) => [merge, i]));
  const alphabet = Object.keys(vocab).filter((token) => vocab[token] < 256);
  const byteOrder = gpt2ByteCharacters();
  const kept = new Set();
  const patterns = ['\\s', '\\p{White_Space}'].map((space) => new RegExp(
      `'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^${space}\\p{L}\\p{N}]+|${space}+(?!${space === '\\s' ? '\\S' :
          '\\P{White_Space}'})|${space}+`, 'gu'));
  const parts = Object.values(texts).flatMap((text) => [text, ...text.split('<|endoftext|>')]);
  for (const pattern of patterns) for (const part of parts) for (const [piece] of part.matchAll(pattern)) {
    let word = Array.from(Buffer.from(piece, 'utf8')).map((byte) => byteOrder[byte]);
    for (;;) {
      let best = null;
      for (let i = 0; i + 1 < word.length; ++i) {
        const merge = word[i] + ' ' + word[i + 1];
        if (!rank.has(merge)) continue;
        kept.add(merge);
        if (best === null || rank.get(merge) < rank.get(best)) best = merge;
      }
      if (best === null) break;
      const joined = [];
      for (let i = 0; i < word.length; ++i) {
        if (i + 1 < word.length && word[i] + ' ' + word[i + 1] === best) joined.push(word[i] + word[++i]);
        else joined.push(word[i]);
      }
      word = joined;
    }
  }
  const keptMerges = merges.filter((merge) => kept.has(merge));
  const tokens = new Set([...alphabet, '<|endoftext|>']);
  for (const merge of keptMerges) [...merge.split(' '), merge.replace(' ', '')].forEach((token) => tokens.add(token));
  const ordered = [...tokens].sort((a, b) => vocab[a] - vocab[b]);
  return tokenizerJson(Object.fromEntries(ordered.map((token) => [token, vocab[token]])), keptMerges);
}

function gpt2ByteCharacters() {
  const printable = (b) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  let next = 256;
  return Array.from({length: 256}, (_, b) => String.fromCodePoint(printable(b) ? b : next++));
}

async function record() {
  const all = loadHf(tokenizerJson(vocab, merges));
  const encoded = [];
  for (const [name, text] of Object.entries(texts)) {
    // \s is not the same in JavaScript, which has U+FEFF and lacks U+0085; and gpt-3-encoder knows no added tokens.
    const entry = {name, text, ids: await idsOf(all, text)};
    const plain = gpt3.encode(text);
    if (!same(plain, entry.ids)) entry.gpt_3_encoder_ids = plain;
    encoded.push(entry);
  }
  const differing = encoded.filter((entry) => entry.gpt_3_encoder_ids).map((entry) => entry.name);
  console.log('gpt-3-encoder differs from tokenizers in', differing);
  const trainings = [];
  for (const [name, {text, vocab_size}] of Object.entries(trained)) {
    trainings.push({name, text: withoutBlankEdges(text), vocab_size, merges: trainHfOnText(withoutBlankEdges(text)).slice(0, vocab_size - 256)});
  }
  const lines = (list) => '[\n' + list.map((entry) => '  ' + JSON.stringify(entry)).join(',\n') + '\n ]';
  fs.writeFileSync(path.join(__dirname, 'tokenizers.json'),
      `{"gpt_3_encoder": "${versionOf('gpt-3-encoder')}", "tokenizers": "${versionOf('tokenizers')}",\n` +
      ` "encoded": ${lines(encoded)},\n "trained": ${lines(trainings)}}\n`);
  fs.writeFileSync(path.join(__dirname, 'gpt2_tokenizer.json'), JSON.stringify(subset()) + '\n');
}

async function check(program, files) {
  const run = (args, input) => execFileSync(program, ['tokenize', ...args], {input, maxBuffer: 1 << 30});
  const encode = (tokenizer, text) => run(['encode', tokenizer], text).toString().trim().split(' ').map(Number);
  let checks = 0;
  const expect = (holds, what) => {
    ++checks;
    if (!holds) {
      console.error('WRONG: ' + what);
      process.exitCode = 1;
    }
  };
  const temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'tokenizers-'));
  const all = path.join(temporary, 'gpt2.json');
  fs.writeFileSync(all, JSON.stringify(tokenizerJson(vocab, merges)));
  const allHf = hf.Tokenizer.fromFile(all);
  const inputs = {...texts};
  for (const file of files) inputs[file] = fs.readFileSync(file, 'utf8');
  for (const [name, text] of Object.entries(inputs)) {
    const ids = await idsOf(allHf, text);
    expect(same(encode(all, text), ids), `${name}: not the ids of tokenizers`);
    const back = run(['decode', all], ids.join(' ')).toString();
    expect(back === text, `${name}: decoded, it is another text`);
    if (/[\u0085\ufeff]/u.test(text)) continue;
    expect(same(encode(folder, text), encodeWithGpt3(text)), `${name}: not the ids of gpt-3-encoder`);
  }
  for (const file of files) {
    const text = withoutBlankEdges(inputs[file]);
    const input = path.join(temporary, 'text');
    const own = path.join(temporary, 'own.json');
    fs.writeFileSync(input, text);
    const theirs = trainHf([input]);
    for (const size of [300, 1024]) {
      run(['train', input, '--vocab-size', String(size), '--output', own]);
      const merges = JSON.parse(fs.readFileSync(own, 'utf8')).model.merges;
      expect(same(merges, theirs.slice(0, size - 256)), `${file}: ${size} tokens are trained otherwise`);
      expect(same(encode(own, text), await idsOf(hf.Tokenizer.fromFile(own), text)), `${file}: ${size} tokens, other ids`);
    }
  }
  fs.rmSync(temporary, {recursive: true});
  console.log(`${checks} checks`);
}

if (process.argv[2] === '--check') check(process.argv[3], process.argv.slice(4));
else record();

// SPDX-License-Identifier: Apache-2.0
// What the compiler does not see. Above all: nothing may parse a string as markup or as code, and nothing is stored.
import tseslint from 'typescript-eslint';

const MARKUP = 'Text of others is set as text (dom.ts): nothing may parse a string as markup.';
const STORED = 'The page stores nothing.';

const forbidden = [
  ...['innerHTML', 'outerHTML', 'srcdoc', 'insertAdjacentHTML', 'setHTML', 'setHTMLUnsafe', 'createContextualFragment', 'parseFromString', 'parseHTMLUnsafe', 'write', 'writeln']
    .flatMap((name) => [
      { selector: `MemberExpression[property.name='${name}']`, message: MARKUP },
      { selector: `MemberExpression[property.value='${name}']`, message: MARKUP },
    ]),
  { selector: "CallExpression[callee.property.name='setAttribute'] > :first-child[value=/^(on|style$|src|href|srcdoc|action|formaction)/i]", message: MARKUP },
  { selector: "CallExpression[callee.name='el'] > :first-child[value=/^(script|iframe|object|embed|base|img|svg|style|link)$/]", message: MARKUP },
  { selector: 'CallExpression[callee.name=/^set(Timeout|Interval)$/] > Literal:first-child', message: 'A string is not run as code.' },
  { selector: "MemberExpression[property.name='cookie']", message: STORED },
];

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/'] },
  ...tseslint.configs.strict.map((each) => ({ ...each, files: ['src/**/*.ts', 'test/forbidden.ts'] })),
  {
    files: ['src/**/*.ts'],
    languageOptions: { parserOptions: { project: './tsconfig.json' } },
    rules: { '@typescript-eslint/no-floating-promises': 'error', '@typescript-eslint/no-misused-promises': 'error' },
  },
  {
    files: ['src/**/*.ts', 'test/forbidden.ts'],
    rules: {
      'no-restricted-syntax': ['error', ...forbidden],
      'no-restricted-globals': ['error', ...['localStorage', 'sessionStorage', 'indexedDB', 'caches', 'DOMParser'].map((name) => ({ name, message: STORED }))],
      'no-eval': 'error', 'no-implied-eval': 'error', 'no-new-func': 'error', eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-console': 'error', 'max-lines': ['error', 400], 'max-lines-per-function': ['error', { max: 60, skipComments: true }],
      '@typescript-eslint/no-extraneous-class': 'off',
    },
  },
  { files: ['**/*.mjs'], rules: { eqeqeq: 'error' } },
);

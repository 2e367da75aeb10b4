import type { Tree, Violation } from './tree.ts'

/** Words that stand for a standard term. In halves, because the rule reads this file too. */
const banned: readonly (readonly [word: RegExp, instead: string])[] = [
  [word('men', 'd(s|ed|ing)?'), 'fix'],
  [word('who', 'ever'), 'the role: caller, owner, instance'],
  [word('for', ' ever'), 'forever'],
  [word('good', 'bye'), 'end, leave'],
  [word('pati', 'ence'), 'the wait, in ms'],
  [word('trou', 'bles?'), 'failure, outage'],
  [word('err', 'ands?'), 'call, request'],
]

function word(start: string, end: string): RegExp {
  return new RegExp(`\\b${start}${end}\\b`, 'gi')
}

export function wordRules(tree: Tree): readonly Violation[] {
  return [...tree.sources.values()].flatMap(({ path, text }) => bannedIn(path, text))
}

/** The lines of a text that have a banned word. */
export function bannedIn(path: string, text: string): readonly Violation[] {
  return banned.flatMap(([pattern, instead]) =>
    [...text.matchAll(pattern)].map(({ 0: found, index }) => ({
      rule: 'words',
      at: `${path}:${text.slice(0, index).split('\n').length}`,
      says: `"${found}" -> ${instead}`,
    })),
  )
}

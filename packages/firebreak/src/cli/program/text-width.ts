/** How much room text takes on a terminal, in columns. */

const ascii = /^[ -~]*$/
const noColumn = /[\p{Mn}\p{Me}\u200b-\u200d]/u
const twoColumns =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u

const columnsOf = (character: string): number => (noColumn.test(character) ? 0 : twoColumns.test(character) ? 2 : 1)

/** Columns of the terminal that the text fills. */
export function widthOf(text: string): number {
  if (ascii.test(text)) return text.length
  let width = 0
  for (const character of text) width += columnsOf(character)
  return width
}

/** At most `width` columns, the last one an ellipsis where something was cut off. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  let [shown, left] = ['', width - 1]
  for (const character of text) {
    left -= columnsOf(character)
    if (left < 0) break
    shown += character
  }
  return width > 0 ? `${shown}…` : ''
}

/** Lines of at most `width` columns, broken between words; a longer word stays whole. */
export function wrap(text: string, width: number): readonly string[] {
  if (widthOf(text) <= width) return [text]
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && widthOf(line) + 1 + widthOf(word) > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}

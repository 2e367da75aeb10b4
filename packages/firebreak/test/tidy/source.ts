import {
  type ExportDeclaration,
  type ImportDeclaration,
  ModifierFlags,
  type Node,
  type SourceFile,
  SyntaxKind,
} from 'typescript/unstable/ast'
import * as is from 'typescript/unstable/ast/is'

/** What the rules need to know of one file. */
export interface Source {
  /** Relative to the repository, with slashes. */
  readonly path: string
  readonly text: string
  readonly lines: number
  readonly imports: readonly Import[]
  readonly exports: readonly Export[]
  readonly functions: readonly FunctionShape[]
  readonly interfaces: readonly { readonly name: string; readonly methods: number }[]
  /** `a.b` of every property access, `a(` of every call of a bare name, `new A(` of every construction. */
  readonly uses: readonly { readonly text: string; readonly line: number; readonly firstArgument: string }[]
  /** Strings that may name a file; `*` stands for what is computed. */
  readonly strings: readonly string[]
  /** Top-level statements that are not named re-exports. */
  readonly ownStatements: number
}

interface Import {
  readonly from: string
  /** Names on the other side; `*` for a namespace, a dynamic import or a star re-export. */
  readonly names: readonly string[]
  readonly line: number
}

interface Export {
  readonly name: string
  readonly line: number
  /** An interface or a type alias. */
  readonly isType: boolean
}

interface FunctionShape {
  readonly name: string
  readonly line: number
  readonly lines: number
  readonly parameters: number
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] }

export function readSource(path: string, text: string, tree: SourceFile): Source {
  const lineStarts = [0]
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lineStarts.push(at + 1)
  const lineOf = (position: number): number => lineStarts.findLastIndex((start) => start <= position) + 1
  const source: Mutable<Source> = {
    path,
    text,
    lines: lineStarts.length - 1,
    imports: [],
    exports: [],
    functions: [],
    interfaces: [],
    uses: [],
    strings: [],
    ownStatements: 0,
  }
  const lineAt = (node: Node): number => lineOf(startOf(node, text))
  for (const statement of tree.statements) {
    readStatement(source, statement, lineAt(statement))
  }
  const visit = (node: Node): void => {
    readNode(source, node, { line: lineAt(node), endLine: lineOf(node.end) })
    node.forEachChild(visit)
  }
  visit(tree)
  return source
}

// Without the comments and blanks that belong to a node.
function startOf(node: Node, text: string): number {
  const blank = /(?:\s+|\/\/.*|\/\*[\s\S]*?\*\/)*/y
  blank.lastIndex = node.pos
  return node.pos + (blank.exec(text)?.[0].length ?? 0)
}

function readStatement(source: Mutable<Source>, node: Node, line: number): void {
  if (is.isExportDeclaration(node)) {
    readExportList(source, node, line)
    return
  }
  source.ownStatements++
  const isType = is.isInterfaceDeclaration(node) || is.isTypeAliasDeclaration(node)
  if (is.isImportDeclaration(node)) readImport(source, node, line)
  else if (is.isExportAssignment(node)) source.exports.push({ name: 'default', line, isType })
  else if (hasModifier(node, ModifierFlags.Export)) {
    const isDefault = hasModifier(node, ModifierFlags.Default)
    for (const own of isDefault ? ['default'] : declaredNames(node)) source.exports.push({ name: own, line, isType })
  }
}

const hasModifier = (node: Node, flag: ModifierFlags): boolean =>
  'modifierFlags' in node && ((node.modifierFlags as number) & flag) !== 0

function declaredNames(node: Node): readonly string[] {
  if (is.isVariableStatement(node))
    return [...node.declarationList.declarations].flatMap(({ name }) => (is.isIdentifier(name) ? [name.text] : []))
  const name = (node as { name?: Node }).name
  return name !== undefined && is.isIdentifier(name) ? [name.text] : []
}

function readImport(source: Mutable<Source>, node: ImportDeclaration, line: number): void {
  const from = textOf(node.moduleSpecifier)
  const bindings = node.importClause?.namedBindings
  const names: string[] = node.importClause?.name === undefined ? [] : ['default']
  if (bindings !== undefined && is.isNamespaceImport(bindings)) names.push('*')
  else if (bindings !== undefined && is.isNamedImports(bindings))
    for (const element of bindings.elements) names.push(textOf(element.propertyName ?? element.name))
  source.imports.push({ from, names, line })
}

function readExportList(source: Mutable<Source>, node: ExportDeclaration, line: number): void {
  const clause = node.exportClause
  const names: string[] = []
  if (clause === undefined || !is.isNamedExports(clause)) {
    names.push('*')
    source.ownStatements++
    source.exports.push({ name: '*', line, isType: false })
  } else
    for (const element of clause.elements) {
      names.push(textOf(element.propertyName ?? element.name))
      source.exports.push({ name: textOf(element.name), line, isType: false })
    }
  if (node.moduleSpecifier === undefined) source.ownStatements++
  else source.imports.push({ from: textOf(node.moduleSpecifier), names, line })
}

const textOf = (node: Node): string => ('text' in node ? String(node.text) : '')

function readNode(source: Mutable<Source>, node: Node, at: { line: number; endLine: number }): void {
  if (is.isFunctionLikeDeclaration(node) && 'body' in node && node.body !== undefined) {
    const name = (node as { name?: Node }).name
    const parameters = [...node.parameters].length
    const shape = { line: at.line, lines: at.endLine - at.line + 1, parameters }
    source.functions.push({ name: name === undefined ? '(anonymous)' : textOf(name), ...shape })
  } else if (is.isInterfaceDeclaration(node)) {
    const methods = [...node.members].filter(is.isMethodSignatureDeclaration).length
    source.interfaces.push({ name: node.name.text, methods })
  } else if (is.isCallExpression(node)) readCall(source, node, at.line)
  else if (is.isNewExpression(node)) use(source, at.line, `new ${nameOf(node.expression)}(`)
  else if (is.isPropertyAccessExpression(node)) use(source, at.line, nameOf(node))
  else if (is.isImportTypeNode(node))
    source.imports.push({ from: textOf(literalOf(node.argument)), names: ['*'], line: at.line })
  else if (is.isStringLiteral(node) || is.isNoSubstitutionTemplateLiteral(node)) source.strings.push(node.text)
  else if (is.isTemplateExpression(node))
    source.strings.push([node.head.text, ...[...node.templateSpans].map((span) => `*${span.literal.text}`)].join(''))
}

function readCall(source: Mutable<Source>, node: Node, line: number): void {
  if (!is.isCallExpression(node)) return
  const [argument] = node.arguments
  if (node.expression.kind === SyntaxKind.ImportKeyword && argument !== undefined) {
    if (is.isStringLiteral(argument)) source.imports.push({ from: argument.text, names: ['*'], line })
    return
  }
  const name = nameOf(node.expression)
  if (name !== '') use(source, line, `${name}(`, argument === undefined ? '' : nameOf(argument))
}

function use(source: Mutable<Source>, line: number, text: string, firstArgument = ''): void {
  source.uses.push({ text, line, firstArgument })
}

const literalOf = (node: Node): Node => (is.isLiteralTypeNode(node) ? node.literal : node)

/** `a.b.c` as it is written; what is computed counts as nothing. */
function nameOf(node: Node): string {
  if (is.isIdentifier(node)) return node.text
  if (is.isPropertyAccessExpression(node)) return `${nameOf(node.expression)}.${textOf(node.name)}`
  return ''
}

using System.Globalization;
using System.Text;

namespace Chat.Cells.LocalCluster.ApiServer.Crd;

/// <summary>A rule is not in the language, or not in the part of it that is supported here.</summary>
internal sealed class CelSyntaxException(string message) : Exception(message);

internal enum CelTokenKind
{
    Identifier,
    Literal,
    Symbol,
    End,
}

/// <param name="Kind">What it is.</param>
/// <param name="Text">The identifier or symbol.</param>
/// <param name="Value">The value of a literal.</param>
/// <param name="Position">Offset in the rule.</param>
internal readonly record struct CelToken(CelTokenKind Kind, string Text, object? Value, int Position);

/// <summary>Splits a CEL expression into tokens.</summary>
internal static class CelLexer
{
    private static readonly string[] LongSymbols = ["&&", "||", "==", "!=", "<=", ">="];
    private const string ShortSymbols = "()[]{}.,?:!<>+-*/%";

    public static List<CelToken> Read(string text)
    {
        var tokens = new List<CelToken>();
        var i = 0;
        while (i < text.Length)
        {
            var c = text[i];
            if (char.IsWhiteSpace(c))
            {
                i++;
            }
            else if (c == '/' && i + 1 < text.Length && text[i + 1] == '/')
            {
                i = text.IndexOf('\n', i) is var end and >= 0 ? end : text.Length;
            }
            else if (char.IsAsciiLetter(c) || c == '_')
            {
                i = ReadWord(text, i, tokens);
            }
            else if (char.IsAsciiDigit(c))
            {
                i = ReadNumber(text, i, tokens);
            }
            else if (c is '"' or '\'')
            {
                i = ReadString(text, i, raw: false, tokens);
            }
            else
            {
                var symbol = LongSymbols.FirstOrDefault(s => string.CompareOrdinal(text, i, s, 0, 2) == 0)
                    ?? (ShortSymbols.Contains(c, StringComparison.Ordinal) ? c.ToString() : throw new CelSyntaxException($"token recognition error at: '{c}' (column {i + 1})"));
                tokens.Add(new(CelTokenKind.Symbol, symbol, null, i));
                i += symbol.Length;
            }
        }

        tokens.Add(new(CelTokenKind.End, "<EOF>", null, text.Length));
        return tokens;
    }

    private static int ReadWord(string text, int start, List<CelToken> tokens)
    {
        var i = start;
        while (i < text.Length && (char.IsAsciiLetterOrDigit(text[i]) || text[i] == '_'))
        {
            i++;
        }

        var word = text[start..i];
        if (word is "r" or "R" && i < text.Length && text[i] is '"' or '\'')
        {
            return ReadString(text, i, raw: true, tokens);
        }

        tokens.Add(word switch
        {
            "true" => new(CelTokenKind.Literal, word, true, start),
            "false" => new(CelTokenKind.Literal, word, false, start),
            "null" => new(CelTokenKind.Literal, word, null, start),
            "in" => new(CelTokenKind.Symbol, word, null, start),
            _ => new(CelTokenKind.Identifier, word, null, start),
        });
        return i;
    }

    private static int ReadNumber(string text, int start, List<CelToken> tokens)
    {
        var i = start;
        while (i < text.Length && (char.IsAsciiLetterOrDigit(text[i]) || text[i] == '.' || (text[i] is '+' or '-' && text[i - 1] is 'e' or 'E')))
        {
            i++;
        }

        var number = text[start..i];
        object value = long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var whole) ? (object)whole
            : number.StartsWith("0x", StringComparison.Ordinal) && long.TryParse(number.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var hex) ? (object)hex
            : double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out var real) ? real
            : throw new CelSyntaxException($"'{number}' is not a number that is supported here (column {start + 1})");
        tokens.Add(new(CelTokenKind.Literal, number, value, start));
        return i;
    }

    private static int ReadString(string text, int start, bool raw, List<CelToken> tokens)
    {
        var quote = text[start];
        var content = new StringBuilder();
        for (var i = start + 1; i < text.Length; i++)
        {
            if (text[i] == quote)
            {
                tokens.Add(new(CelTokenKind.Literal, text[start..(i + 1)], content.ToString(), start));
                return i + 1;
            }

            if (text[i] != '\\' || raw)
            {
                content.Append(text[i]);
                continue;
            }

            i++;
            content.Append(i >= text.Length ? throw Unterminated(start) : text[i] switch
            {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                '\\' or '"' or '\'' or '`' or '?' => text[i],
                _ => throw new CelSyntaxException($"the escape \\{text[i]} is not supported here (column {i + 1})"),
            });
        }

        throw Unterminated(start);
    }

    private static CelSyntaxException Unterminated(int start) => new($"the string at column {start + 1} has no end");
}

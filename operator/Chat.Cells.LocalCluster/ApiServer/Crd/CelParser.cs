namespace Chat.Cells.LocalCluster.ApiServer.Crd;

/// <summary>
/// Parses the subset of CEL that is supported here; everything else is refused by name, so that a CRD never carries a rule that is silently not checked.
/// </summary>
internal sealed class CelParser
{
    private const int MaxDepth = 64;
    private const int MaxLength = 4096;
    private static readonly HashSet<string> Macros = new(StringComparer.Ordinal) { "all", "exists", "exists_one", "filter", "map" };

    private static readonly string[][] Levels =
    [
        ["||"],
        ["&&"],
        ["==", "!=", "<", "<=", ">", ">=", "in"],
        ["+", "-"],
        ["*", "/", "%"],
    ];

    private readonly List<CelToken> _tokens;
    private readonly HashSet<string> _names;
    private int _next;
    private int _depth;

    private CelParser(string text, IEnumerable<string> variables)
    {
        _tokens = CelLexer.Read(text);
        _names = new HashSet<string>(variables, StringComparer.Ordinal);
    }

    /// <summary>Parses a whole expression.</summary>
    /// <exception cref="CelSyntaxException">It is not an expression, or uses what is not supported here.</exception>
    public static CelNode Parse(string text, params string[] variables)
    {
        if (text.Length > MaxLength)
        {
            throw new CelSyntaxException($"an expression may not be longer than {MaxLength} characters here"); // Chains nest as deep as they are long.
        }

        var parser = new CelParser(text, variables);
        var node = parser.Ternary();
        if (parser.Peek.Kind != CelTokenKind.End)
        {
            throw parser.Unexpected();
        }

        return node;
    }

    private CelToken Peek => _tokens[_next];

    private CelNode Ternary()
    {
        if (++_depth > MaxDepth)
        {
            throw new CelSyntaxException("the expression is nested too deeply");
        }

        var condition = Binary(0);
        if (Take("?"))
        {
            var then = Ternary();
            Expect(":");
            condition = new CelTernary(condition, then, Ternary());
        }

        _depth--;
        return condition;
    }

    private CelNode Binary(int level)
    {
        if (level == Levels.Length)
        {
            return Unary();
        }

        var left = Binary(level + 1);
        while (Peek.Kind == CelTokenKind.Symbol && Array.IndexOf(Levels[level], Peek.Text) >= 0)
        {
            var symbol = _tokens[_next++].Text;
            left = new CelBinary(symbol, left, Binary(level + 1));
        }

        return left;
    }

    private CelNode Unary()
    {
        if (Take("!"))
        {
            return new CelUnary("!", Unary());
        }

        return Take("-") ? new CelUnary("-", Unary()) : Postfix(Primary());
    }

    private CelNode Postfix(CelNode node)
    {
        while (true)
        {
            if (Take("."))
            {
                var name = Name();
                node = Take("(") ? Method(node, name) : new CelSelect(node, Unescape(name));
            }
            else if (Take("["))
            {
                var index = Ternary();
                Expect("]");
                node = new CelIndex(node, index);
            }
            else
            {
                return node;
            }
        }
    }

    private CelNode Method(CelNode target, string name)
    {
        if (!Macros.Contains(name))
        {
            return new CelCall(name, CelFunctions.Method(name), [target, .. Arguments()]);
        }

        var variable = Name();
        Expect(",");
        var added = _names.Add(variable);
        var body = Ternary();
        CelNode? second = null;
        if (Take(","))
        {
            second = name == "map" ? Ternary() : throw new CelSyntaxException($"{name} with three arguments is not supported here");
        }

        Expect(")");
        if (added)
        {
            _names.Remove(variable);
        }

        return new CelMacro(name, target, variable, body, second);
    }

    private CelNode Primary()
    {
        var token = _tokens[_next];
        if (token.Kind == CelTokenKind.Literal)
        {
            _next++;
            return new CelLiteral(token.Value);
        }

        if (Take("("))
        {
            var inner = Ternary();
            Expect(")");
            return inner;
        }

        if (Take("["))
        {
            return new CelList(Arguments("]"));
        }

        if (Take("{"))
        {
            return MapLiteral();
        }

        if (token.Kind != CelTokenKind.Identifier)
        {
            throw Unexpected();
        }

        _next++;
        if (Take("("))
        {
            return token.Text == "has" ? Has() : new CelCall(token.Text, CelFunctions.Global(token.Text), Arguments());
        }

        return _names.Contains(token.Text)
            ? new CelVariable(token.Text)
            : throw new CelSyntaxException($"undeclared reference to '{token.Text}' (column {token.Position + 1})");
    }

    private CelHas Has()
    {
        var argument = Ternary();
        Expect(")");
        return argument is CelSelect select ? new CelHas(select) : throw new CelSyntaxException("invalid argument to has() macro: a field selection is needed");
    }

    private CelMap MapLiteral()
    {
        var entries = new List<(CelNode Key, CelNode Value)>();
        while (!Take("}"))
        {
            if (entries.Count > 0)
            {
                Expect(",");
            }

            var key = Ternary();
            Expect(":");
            entries.Add((key, Ternary()));
        }

        return new CelMap(entries);
    }

    private List<CelNode> Arguments(string end = ")")
    {
        var arguments = new List<CelNode>();
        while (!Take(end))
        {
            if (arguments.Count > 0)
            {
                Expect(",");
            }

            arguments.Add(Ternary());
        }

        return arguments;
    }

    private string Name() => Peek.Kind == CelTokenKind.Identifier ? _tokens[_next++].Text : throw Unexpected();

    private bool Take(string symbol)
    {
        if (Peek.Kind != CelTokenKind.Symbol || Peek.Text != symbol)
        {
            return false;
        }

        _next++;
        return true;
    }

    private void Expect(string symbol)
    {
        if (!Take(symbol))
        {
            throw new CelSyntaxException($"Syntax error: '{symbol}' expected, '{Peek.Text}' found (column {Peek.Position + 1})");
        }
    }

    private CelSyntaxException Unexpected() => new($"Syntax error: unexpected '{Peek.Text}' (column {Peek.Position + 1})");

    // Kubernetes escapes property names that are no CEL identifiers.
    private static string Unescape(string name) => !name.Contains("__", StringComparison.Ordinal)
        ? name
        : name switch
        {
            "__true__" or "__false__" or "__null__" or "__in__" or "__as__" or "__break__" or "__const__" or "__continue__" or "__else__" or "__for__" or "__function__"
                or "__if__" or "__import__" or "__let__" or "__loop__" or "__package__" or "__namespace__" or "__return__" => name[2..^2],
            _ => name.Replace("__underscores__", "__", StringComparison.Ordinal).Replace("__dot__", ".", StringComparison.Ordinal)
                .Replace("__dash__", "-", StringComparison.Ordinal).Replace("__slash__", "/", StringComparison.Ordinal),
        };
}

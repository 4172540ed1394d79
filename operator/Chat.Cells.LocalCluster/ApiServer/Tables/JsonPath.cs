namespace Chat.Cells.LocalCluster.ApiServer.Tables;

/// <summary>
/// The JSONPath of printer columns: <c>.a.b</c>, <c>['a']</c>, <c>[0]</c>, <c>[-1]</c>, <c>[*]</c>, <c>.*</c> and <c>[?(@.type=="Ready")]</c> with ==, !=, &lt;, &gt;, &lt;=, &gt;=.
/// </summary>
public sealed class JsonPath
{
    private abstract record Step
    {
        public abstract IEnumerable<JsonNode?> Apply(JsonNode? node);
    }

    private sealed record Member(string Name) : Step
    {
        public override IEnumerable<JsonNode?> Apply(JsonNode? node) => node is JsonObject o && o.TryGetPropertyValue(Name, out var value) ? [value] : [];
    }

    private sealed record Index(int At) : Step
    {
        public override IEnumerable<JsonNode?> Apply(JsonNode? node)
        {
            if (node is not JsonArray a)
            {
                return [];
            }

            var i = At < 0 ? a.Count + At : At;
            return i >= 0 && i < a.Count ? [a[i]] : [];
        }
    }

    private sealed record All : Step
    {
        public override IEnumerable<JsonNode?> Apply(JsonNode? node) => node switch
        {
            JsonArray a => a,
            JsonObject o => o.Select(p => p.Value),
            _ => [],
        };
    }

    private sealed record Filter(JsonPath Left, string Operator, JsonNode? Right) : Step
    {
        public override IEnumerable<JsonNode?> Apply(JsonNode? node) => node is JsonArray a ? a.Where(Test) : [];

        private bool Test(JsonNode? item)
        {
            var values = Left.Find(item).ToList();
            if (Operator.Length == 0 || values.Count == 0)
            {
                return values.Count > 0;
            }

            var compared = values[0].AsDouble() is { } x && Right.AsDouble() is { } y
                ? x.CompareTo(y)
                : string.CompareOrdinal(JsonText.Scalar(values[0]), JsonText.Scalar(Right));
            return Operator switch
            {
                "==" => compared == 0,
                "!=" => compared != 0,
                "<" => compared < 0,
                "<=" => compared <= 0,
                ">" => compared > 0,
                _ => compared >= 0,
            };
        }
    }

    private readonly List<Step> _steps;

    private JsonPath(List<Step> steps) => _steps = steps;

    /// <summary>Reads a path.</summary>
    /// <exception cref="FormatException">It is not one, or uses what is not supported here.</exception>
    public static JsonPath Parse(string text)
    {
        var steps = new List<Step>();
        var i = text.StartsWith('$') || text.StartsWith('@') ? 1 : 0;
        while (i < text.Length)
        {
            if (text[i] == '[')
            {
                var end = ClosingBracket(text, i);
                steps.Add(Bracket(text[(i + 1)..end].Trim()));
                i = end + 1;
                continue;
            }

            if (text[i] != '.')
            {
                throw new FormatException($"'.' or '[' expected at '{text[i..]}'");
            }

            var start = ++i;
            while (i < text.Length && text[i] is not ('.' or '['))
            {
                i += text[i] == '\\' && i + 1 < text.Length ? 2 : 1;
            }

            var name = text[start..i].Replace("\\", "", StringComparison.Ordinal);
            if (name.Length == 0)
            {
                throw new FormatException("recursive descent ('..') is not supported here");
            }

            steps.Add(name == "*" ? new All() : new Member(name));
        }

        return new JsonPath(steps);
    }

    /// <summary>All values at the path.</summary>
    public IEnumerable<JsonNode?> Find(JsonNode? root)
    {
        IEnumerable<JsonNode?> current = [root];
        foreach (var step in _steps)
        {
            current = current.SelectMany(step.Apply);
        }

        return current;
    }

    private static int ClosingBracket(string text, int open)
    {
        var depth = 0;
        char? quote = null;
        for (var i = open; i < text.Length; i++)
        {
            if (quote is not null)
            {
                quote = text[i] == quote ? null : quote;
            }
            else if (text[i] is '"' or '\'')
            {
                quote = text[i];
            }
            else if (text[i] == '[')
            {
                depth++;
            }
            else if (text[i] == ']' && --depth == 0)
            {
                return i;
            }
        }

        throw new FormatException("unterminated array");
    }

    private static Step Bracket(string inner)
    {
        if (inner == "*")
        {
            return new All();
        }

        if (int.TryParse(inner, out var index))
        {
            return new Index(index);
        }

        if (inner.Length >= 2 && inner[0] is '\'' or '"' && inner[^1] == inner[0])
        {
            return new Member(inner[1..^1]);
        }

        if (!inner.StartsWith("?(", StringComparison.Ordinal) || inner[^1] != ')')
        {
            throw new FormatException($"'[{inner}]' is not supported here");
        }

        var body = inner[2..^1].Trim();
        foreach (var symbol in (string[])["==", "!=", "<=", ">=", "<", ">"])
        {
            var at = body.IndexOf(symbol, StringComparison.Ordinal);
            if (at > 0)
            {
                return new Filter(Parse(body[..at].Trim()), symbol, Literal(body[(at + symbol.Length)..].Trim()));
            }
        }

        return new Filter(Parse(body), "", null);
    }

    private static JsonNode? Literal(string text) => text switch
    {
        ['\'' or '"', .., var last] when last == text[0] => text[1..^1],
        "true" => true,
        "false" => false,
        _ when double.TryParse(text, System.Globalization.NumberStyles.Float, System.Globalization.CultureInfo.InvariantCulture, out var number) => number,
        _ => throw new FormatException($"'{text}' is not a literal that is supported here"),
    };
}

namespace Chat.Cells.LocalCluster.ApiServer.Selectors;

/// <summary>A label selector: every requirement has to hold.</summary>
public sealed class Selector
{
    private enum Operator
    {
        In,
        NotIn,
        Exists,
        DoesNotExist,
        GreaterThan,
        LessThan,
    }

    private sealed record Requirement(string Key, Operator Operator, HashSet<string> Values);

    private readonly List<Requirement> _requirements = [];

    private Selector()
    {
    }

    /// <summary>Whether everything matches.</summary>
    public bool IsEmpty => _requirements.Count == 0;

    /// <summary>Reads the query form: <c>a=b,c!=d,e in (f,g),h notin (i),j,!k,l&gt;1</c>.</summary>
    /// <exception cref="ApiException">400: it can't be read.</exception>
    public static Selector Parse(string? text)
    {
        var selector = new Selector();
        foreach (var part in Split(text ?? ""))
        {
            selector.Add(ParseRequirement(part, text!));
        }

        return selector;
    }

    /// <summary>Reads the object form: <c>matchLabels</c> and <c>matchExpressions</c>.</summary>
    public static Selector FromLabelSelector(JsonObject? json)
    {
        var selector = new Selector();
        foreach (var (key, value) in json?["matchLabels"] as JsonObject ?? [])
        {
            selector.Add(new Requirement(key, Operator.In, [value.Text() ?? ""]));
        }

        foreach (var expression in json.Items("matchExpressions"))
        {
            var op = Enum.TryParse<Operator>(expression.Text("operator"), out var known) && known <= Operator.DoesNotExist
                ? known
                : throw ApiException.BadRequest($"\"{expression.Text("operator")}\" is not a valid label selector operator");
            selector.Add(new Requirement(expression.Text("key") ?? "", op, [.. expression.Texts("values")]));
        }

        return selector;
    }

    /// <summary>The query form of an object-form selector, as the scale subresource reports it.</summary>
    public static string Format(JsonObject? json)
    {
        var parts = (json?["matchLabels"] as JsonObject ?? []).Select(l => $"{l.Key}={l.Value.Text()}").ToList();
        parts.AddRange(json.Items("matchExpressions").Select(e => e.Text("operator") switch
        {
            "Exists" => e.Text("key") ?? "",
            "DoesNotExist" => "!" + e.Text("key"),
            "NotIn" => $"{e.Text("key")} notin ({string.Join(',', e.Texts("values"))})",
            _ => $"{e.Text("key")} in ({string.Join(',', e.Texts("values"))})",
        }));
        return string.Join(',', parts.Order(StringComparer.Ordinal));
    }

    /// <summary>Whether labels satisfy every requirement.</summary>
    public bool Matches(IReadOnlyDictionary<string, string> labels) => _requirements.TrueForAll(r =>
    {
        var has = labels.TryGetValue(r.Key, out var value);
        return r.Operator switch
        {
            Operator.In => has && r.Values.Contains(value!),
            Operator.NotIn => !has || !r.Values.Contains(value!),
            Operator.Exists => has,
            Operator.DoesNotExist => !has,
            Operator.GreaterThan => has && long.TryParse(value, out var n) && n > long.Parse(r.Values.Single(), System.Globalization.CultureInfo.InvariantCulture),
            _ => has && long.TryParse(value, out var n) && n < long.Parse(r.Values.Single(), System.Globalization.CultureInfo.InvariantCulture),
        };
    });

    private void Add(Requirement requirement) => _requirements.Add(requirement);

    private static IEnumerable<string> Split(string text)
    {
        var depth = 0;
        var start = 0;
        for (var i = 0; i <= text.Length; i++)
        {
            if (i == text.Length || (text[i] == ',' && depth == 0))
            {
                if (i > start || text.Length > 0)
                {
                    yield return text[start..i].Trim();
                }

                start = i + 1;
            }
            else if (text[i] is '(' or ')')
            {
                depth += text[i] == '(' ? 1 : -1;
            }
        }
    }

    private static Requirement ParseRequirement(string part, string whole)
    {
        ApiException Bad(string why) => ApiException.BadRequest($"unable to parse requirement: {why} (in the selector \"{whole}\")");
        Requirement Checked(string key, Operator op, params IEnumerable<string> values)
        {
            var kept = values.ToHashSet(StringComparer.Ordinal);
            if (Names.QualifiedNameProblem(key) is { } problem)
            {
                throw Bad($"<nil>: Invalid value: \"{key}\": {problem}");
            }

            if (op is Operator.GreaterThan or Operator.LessThan && !kept.All(v => long.TryParse(v, out _)))
            {
                throw Bad($"values[0]: Invalid value: \"{kept.First()}\": for 'Gt', 'Lt' operators, the value must be an integer");
            }

            foreach (var value in kept)
            {
                if (Names.LabelValueProblem(value) is { } valueProblem)
                {
                    throw Bad($"values[0][{key}]: Invalid value: \"{value}\": {valueProblem}");
                }
            }

            return new Requirement(key, op, kept);
        }

        foreach (var (word, op) in ((string, Operator)[])[(" notin ", Operator.NotIn), (" notin(", Operator.NotIn), (" in ", Operator.In), (" in(", Operator.In)])
        {
            var at = part.IndexOf(word, StringComparison.Ordinal);
            if (at >= 0)
            {
                var set = part[(at + word.TrimEnd('(').Length)..].Trim();
                return set.Length >= 2 && set[0] == '(' && set[^1] == ')'
                    ? Checked(part[..at].Trim(), op, set[1..^1].Split(',', StringSplitOptions.TrimEntries))
                    : throw Bad($"found '{set}', expected: '('");
            }
        }

        foreach (var (symbol, op) in ((string, Operator)[])[("!=", Operator.NotIn), ("==", Operator.In), ("=", Operator.In), (">", Operator.GreaterThan), ("<", Operator.LessThan)])
        {
            var at = part.IndexOf(symbol, StringComparison.Ordinal);
            if (at > 0)
            {
                return Checked(part[..at].Trim(), op, part[(at + symbol.Length)..].Trim());
            }
        }

        return part.StartsWith('!') ? Checked(part[1..].Trim(), Operator.DoesNotExist) : Checked(part, Operator.Exists);
    }
}

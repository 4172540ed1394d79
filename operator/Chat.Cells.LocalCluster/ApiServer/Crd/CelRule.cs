namespace Chat.Cells.LocalCluster.ApiServer.Crd;

/// <summary>One entry of x-kubernetes-validations, compiled.</summary>
public sealed class CelRule
{
    private static readonly Dictionary<string, string> Reasons = new(StringComparer.Ordinal)
    {
        ["FieldValueInvalid"] = "Invalid value",
        ["FieldValueForbidden"] = "Forbidden",
        ["FieldValueRequired"] = "Required value",
        ["FieldValueDuplicate"] = "Duplicate value",
    };

    private readonly string _text;
    private readonly CelNode _rule;
    private readonly CelNode? _messageExpression;
    private readonly string _message;
    private readonly string _reason;
    private readonly string _fieldPath;

    private CelRule(string text, CelNode rule, CelNode? messageExpression, JsonObject json)
    {
        _text = text;
        _rule = rule;
        _messageExpression = messageExpression;
        _message = json.Text("message") ?? "";
        _reason = json.Text("reason") ?? "FieldValueInvalid";
        _fieldPath = json.Text("fieldPath") ?? "";
        IsTransition = text.Contains("oldSelf", StringComparison.Ordinal);
    }

    /// <summary>Whether the rule compares with the state before, and so is skipped where there is none.</summary>
    public bool IsTransition { get; }

    internal static IReadOnlyList<CelRule> ReadAll(JsonObject schema, string path, Violations violations)
    {
        var rules = new List<CelRule>();
        var index = 0;
        foreach (var json in schema.Items("x-kubernetes-validations"))
        {
            var at = $"{path}.x-kubernetes-validations[{index++}]";
            var text = json.Text("rule") ?? "";
            if (text.Trim().Length == 0)
            {
                violations.Required($"{at}.rule", "rule is not specified");
                continue;
            }

            if (json.Flag("optionalOldSelf") == true)
            {
                violations.Forbidden($"{at}.optionalOldSelf", "not supported here");
            }

            if (json.Text("reason") is { } reason && !Reasons.ContainsKey(reason))
            {
                violations.NotSupported($"{at}.reason", reason, Reasons.Keys.Select(r => (JsonNode?)r));
            }

            var field = $"{at}.rule";
            try
            {
                var rule = CelParser.Parse(text, "self", "oldSelf");
                field = $"{at}.messageExpression";
                var message = json.Text("messageExpression") is { Length: > 0 } expression ? CelParser.Parse(expression, "self", "oldSelf") : null;
                rules.Add(new CelRule(text, rule, message, json));
            }
            catch (CelSyntaxException e)
            {
                violations.Invalid(field, json.Text(field.EndsWith("rule", StringComparison.Ordinal) ? "rule" : "messageExpression"), $"compilation failed: {e.Message}");
            }
        }

        return rules;
    }

    /// <summary>Checks the rules of a schema on a value and everything in it.</summary>
    internal static void CheckAll(JsonNode? value, JsonNode? old, Schema schema, string path, Violations violations)
    {
        if (value is null)
        {
            return;
        }

        foreach (var rule in schema.Validations.Where(r => !r.IsTransition || old is not null))
        {
            rule.Check(value, old, path, violations);
        }

        switch (value)
        {
            case JsonObject o:
                foreach (var (name, member) in o)
                {
                    if (schema.Member(name) is { } known)
                    {
                        CheckAll(member, old.At(name), known, path.Length == 0 ? name : $"{path}.{name}", violations);
                    }
                }

                break;
            case JsonArray a when schema.Items is { } items:
                for (var i = 0; i < a.Count; i++)
                {
                    CheckAll(a[i], Correlate(a[i], old, schema), items, $"{path}[{i}]", violations);
                }

                break;
        }
    }

    // Only the items of a map list have an identity, so only they have a state before.
    private static JsonObject? Correlate(JsonNode? item, JsonNode? old, Schema schema) => schema.ListKind == ListKind.Map
        ? old.Items().FirstOrDefault(o => schema.ListKeys.All(k => JsonNodes.Same(o[k], item.At(k))))
        : null;

    private void Check(JsonNode value, JsonNode? old, string path, Violations violations)
    {
        var scope = new CelScope { ["self"] = CelValues.From(value), ["oldSelf"] = CelValues.From(old) };
        var field = _fieldPath.Length == 0 ? path : path.Length == 0 ? _fieldPath.TrimStart('.') : path + (_fieldPath[0] is '.' or '[' ? _fieldPath : "." + _fieldPath);
        try
        {
            if (_rule.Evaluate(scope) is true)
            {
                return;
            }
        }
        catch (CelEvaluationException e)
        {
            Add(violations, field, value, $"{e.Message} evaluating rule: {(_message.Length > 0 ? _message : _text)}");
            return;
        }

        Add(violations, field, value, Message(scope));
    }

    private string Message(CelScope scope)
    {
        if (_messageExpression is not null)
        {
            try
            {
                if (_messageExpression.Evaluate(scope) is string { Length: > 0 } text && !text.Contains('\n', StringComparison.Ordinal))
                {
                    return text.Trim();
                }
            }
            catch (CelEvaluationException e)
            {
                return _message.Length > 0 ? _message : $"failed rule: {_text} (its messageExpression failed: {e.Message})";
            }
        }

        return _message.Length > 0 ? _message : $"failed rule: {_text}";
    }

    private void Add(Violations violations, string field, JsonNode value, string detail)
    {
        var shown = value is JsonObject ? "\"object\"" : value is JsonArray ? "\"array\"" : JsonText.Print(value);
        violations.Add(_reason, field.Length == 0 ? "<nil>" : field, _reason switch
        {
            "FieldValueForbidden" or "FieldValueRequired" => $"{Reasons[_reason]}: {detail}",
            _ => $"{Reasons[_reason]}: {shown}: {detail}",
        });
    }
}

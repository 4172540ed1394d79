using System.Globalization;

namespace Chat.Cells.LocalCluster.ApiServer.Crd;

/// <summary>Checks a value against a schema, with the real server's messages.</summary>
internal static class SchemaValidation
{
    public static void Validate(JsonObject value, Schema schema, Violations violations)
    {
        // apiVersion, kind and metadata are the same for every kind and were checked before.
        foreach (var name in schema.Required.Where(n => value[n] is null && !IsHeader(n)))
        {
            violations.Required(name);
        }

        foreach (var (name, member) in value)
        {
            if (!IsHeader(name) && schema.Properties.TryGetValue(name, out var known))
            {
                Check(member, known, name, violations);
            }
        }

        CheckBranches(value, schema.Rules, "", violations);
    }

    public static bool IsHeader(string name) => name is "apiVersion" or "kind" or "metadata";

    private static void Check(JsonNode? value, Schema schema, string path, Violations violations)
    {
        if (value is null)
        {
            if (!schema.Nullable && schema.Type.Length > 0)
            {
                violations.Type(path, value, schema.Type);
            }

            return;
        }

        if (!HasType(value, schema))
        {
            violations.Type(path, value, schema.IntOrString ? "integer,string" : schema.Type);
            return;
        }

        if (schema.Enum.Count > 0 && !schema.Enum.Any(e => JsonNodes.Same(e, value)))
        {
            violations.NotSupported(path, value, schema.Enum);
        }

        CheckRules(value, schema.Rules, schema.Format, path, violations);
        switch (value)
        {
            case JsonObject o:
                CheckObject(o, schema, path, violations);
                break;
            case JsonArray a:
                CheckArray(a, schema, path, violations);
                break;
        }

        CheckBranches(value, schema.Rules, path, violations);
    }

    private static void CheckObject(JsonObject value, Schema schema, string path, Violations violations)
    {
        foreach (var name in schema.Required.Where(n => !value.ContainsKey(n)))
        {
            violations.Required($"{path}.{name}");
        }

        foreach (var (name, member) in value)
        {
            if (schema.Properties.TryGetValue(name, out var known))
            {
                Check(member, known, $"{path}.{name}", violations);
            }
            else if (schema.AdditionalProperties is { } additional)
            {
                Check(member, additional, $"{path}.{name}", violations);
            }
        }

        if (schema.EmbeddedResource)
        {
            foreach (var name in (string[])["apiVersion", "kind"])
            {
                if (string.IsNullOrEmpty(value.Text(name)))
                {
                    violations.Required($"{path}.{name}", "must not be empty");
                }
            }
        }
    }

    private static void CheckArray(JsonArray value, Schema schema, string path, Violations violations)
    {
        for (var i = 0; schema.Items is not null && i < value.Count; i++)
        {
            Check(value[i], schema.Items, $"{path}[{i}]", violations);
        }

        if (schema.ListKind == ListKind.Atomic)
        {
            return;
        }

        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < value.Count; i++)
        {
            var identity = schema.ListKind == ListKind.Set ? value[i]?.DeepClone() : Identity(value[i], schema);
            if (!seen.Add(JsonText.Print(identity)))
            {
                violations.Duplicate($"{path}[{i}]", identity);
            }
        }
    }

    private static JsonObject Identity(JsonNode? item, Schema schema)
    {
        var identity = new JsonObject();
        foreach (var key in schema.ListKeys)
        {
            identity[key] = (item.At(key) ?? schema.Items?.Member(key)?.Default)?.DeepClone();
        }

        return identity;
    }

    private static bool HasType(JsonNode value, Schema schema)
    {
        if (schema.IntOrString)
        {
            return value.AsLong() is not null || value.Text() is not null;
        }

        return schema.Type switch
        {
            "object" => value is JsonObject,
            "array" => value is JsonArray,
            "string" => value.Text() is not null,
            "integer" => value.AsLong() is not null,
            "number" => value.AsDouble() is not null,
            "boolean" => value.Flag() is not null,
            _ => true,
        };
    }

    private static void CheckRules(JsonNode value, JsonObject rules, string format, string path, Violations violations)
    {
        if (value.AsDouble() is { } number)
        {
            CheckNumber(value, number, rules, path, violations);
        }
        else if (value.Text() is { } text)
        {
            CheckText(text, rules, format, path, violations);
        }
        else if (value is JsonArray array)
        {
            if (rules.Number("minItems") is { } min && array.Count < min)
            {
                violations.Invalid(path, array.Count, $"{path} in body should have at least {min} items");
            }

            if (rules.Number("maxItems") is { } max && array.Count > max)
            {
                violations.TooMany(path, array.Count, max);
            }

            if (rules.Flag("uniqueItems") == true && array.Select(JsonText.Print).Distinct(StringComparer.Ordinal).Count() != array.Count)
            {
                violations.Invalid(path, value, $"{path} in body shouldn't contain duplicates");
            }
        }
        else if (value is JsonObject members)
        {
            if (rules.Number("minProperties") is { } min && members.Count < min)
            {
                violations.Invalid(path, members.Count, $"{path} in body should have at least {min} properties");
            }

            if (rules.Number("maxProperties") is { } max && members.Count > max)
            {
                violations.TooMany(path, members.Count, max);
            }
        }
    }

    private static void CheckNumber(JsonNode value, double number, JsonObject rules, string path, Violations violations)
    {
        if (rules["minimum"].AsDouble() is { } min && (number < min || (rules.Flag("exclusiveMinimum") == true && number.Equals(min))))
        {
            var bound = rules.Flag("exclusiveMinimum") == true ? "greater than" : "greater than or equal to";
            violations.Invalid(path, value, $"{path} in body should be {bound} {JsonText.Scalar(rules["minimum"])}");
        }

        if (rules["maximum"].AsDouble() is { } max && (number > max || (rules.Flag("exclusiveMaximum") == true && number.Equals(max))))
        {
            var bound = rules.Flag("exclusiveMaximum") == true ? "less than" : "less than or equal to";
            violations.Invalid(path, value, $"{path} in body should be {bound} {JsonText.Scalar(rules["maximum"])}");
        }

        if (rules["multipleOf"].AsDouble() is { } factor && factor > 0 && !(number / factor).Equals(Math.Floor(number / factor)))
        {
            violations.Invalid(path, value, $"{path} in body should be a multiple of {JsonText.Scalar(rules["multipleOf"])}");
        }

        if (string.Equals(rules.Text("format"), "int32", StringComparison.Ordinal) && number is < int.MinValue or > int.MaxValue
            && string.Equals(rules.Text("format"), "int32", StringComparison.Ordinal))
        {
            violations.Invalid(path, value, $"{path} in body must be of type int32: {JsonText.Scalar(value)}");
        }
    }

    private static void CheckText(string text, JsonObject rules, string format, string path, Violations violations)
    {
        var length = new StringInfo(text).LengthInTextElements > 0 ? text.EnumerateRunes().Count() : 0;
        if (rules.Number("minLength") is { } min && length < min)
        {
            violations.Invalid(path, text, $"{path} in body should be at least {min} chars long");
        }

        if (rules.Number("maxLength") is { } max && length > max)
        {
            violations.TooLong(path, max);
        }

        if (rules.Text("pattern") is { } pattern && !SchemaPatterns.Get(pattern).IsMatch(text))
        {
            violations.Invalid(path, text, $"{path} in body should match '{pattern}'");
        }

        if (!Formats.IsValid(format, text))
        {
            violations.Invalid(path, text, $"{path} in body must be of type {format}: {JsonText.Print(text)}");
        }
    }

    private static void CheckBranches(JsonNode value, JsonObject rules, string path, Violations violations)
    {
        foreach (var group in SchemaReader.Branches(rules).GroupBy(b => b.Name, StringComparer.Ordinal))
        {
            var results = group.Select(b => Collect(value, b.Branch, path)).ToList();
            var matching = results.Count(r => r.Causes.Count == 0);
            switch (group.Key)
            {
                case "allOf":
                    foreach (var cause in results.SelectMany(r => r.Causes))
                    {
                        violations.Add(cause.Reason, cause.Field, cause.Message);
                    }

                    break;
                case "anyOf" when matching == 0:
                    violations.Invalid(path, value, $"{path} in body must validate at least one schema (anyOf)");
                    break;
                case "oneOf" when matching != 1:
                    violations.Invalid(path, value, $"{path} in body must validate one and only one schema (oneOf). Found {(matching == 0 ? "none valid" : $"{matching} valid alternatives")}");
                    break;
                case "not" when matching > 0:
                    violations.Invalid(path, value, $"{path} in body must not validate the schema (not)");
                    break;
            }
        }
    }

    private static Violations Collect(JsonNode value, JsonObject branch, string path)
    {
        var found = new Violations();
        Check(value, BranchSchema(branch), path, found);
        return found;
    }

    // Inside allOf, anyOf, oneOf and not a schema only validates: it needs no types, and nothing in it is pruned or defaulted.
    private static Schema BranchSchema(JsonObject json) => new()
    {
        Type = json.Text("type") ?? "",
        Format = json.Text("format") ?? "",
        Properties = json.At("properties") is JsonObject members
            ? members.Where(m => m.Value is JsonObject).ToDictionary(m => m.Key, m => BranchSchema((JsonObject)m.Value!), StringComparer.Ordinal)
            : new(StringComparer.Ordinal),
        AdditionalProperties = json.At("additionalProperties") is JsonObject additional ? BranchSchema(additional) : null,
        Items = json.At("items") is JsonObject items ? BranchSchema(items) : null,
        Required = [.. json.Texts("required")],
        Enum = json.At("enum") is JsonArray values ? [.. values] : [],
        Nullable = json.Flag("nullable") ?? false,
        Rules = json,
    };
}

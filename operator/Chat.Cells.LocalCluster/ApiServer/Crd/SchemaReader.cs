using System.Text.RegularExpressions;

namespace Chat.Cells.LocalCluster.ApiServer.Crd;

/// <summary>Reads <c>openAPIV3Schema</c> of a CRD; what is not structural, or not supported here, becomes a violation.</summary>
internal static class SchemaReader
{
    private static readonly HashSet<string> Types = new(StringComparer.Ordinal) { "object", "array", "string", "integer", "number", "boolean" };
    private static readonly string[] Logical = ["allOf", "anyOf", "oneOf"];
    private static readonly string[] Refused = ["$ref", "patternProperties", "definitions", "dependencies"];

    public static Schema Read(JsonObject json, string path, Violations violations)
    {
        var root = ReadNode(json, path, violations, insideArrayOrObject: true);
        if (!string.Equals(root.Type, "object", StringComparison.Ordinal))
        {
            violations.Invalid($"{path}.type", root.Type, "must be object at the root");
        }

        return root;
    }

    private static Schema ReadNode(JsonObject json, string path, Violations violations, bool insideArrayOrObject)
    {
        var type = json.Text("type") ?? "";
        var intOrString = json.Flag("x-kubernetes-int-or-string") ?? false;
        var preserve = json.Flag("x-kubernetes-preserve-unknown-fields") ?? false;
        foreach (var name in Refused.Where(json.ContainsKey))
        {
            violations.Forbidden($"{path}.{name}", $"{name} is not supported");
        }

        if (type.Length == 0 && insideArrayOrObject && !intOrString && !preserve)
        {
            violations.Required($"{path}.type", "must not be empty for specified object fields");
        }
        else if (type.Length > 0 && !Types.Contains(type))
        {
            violations.NotSupported($"{path}.type", type, Types.Order(StringComparer.Ordinal).Select(t => (JsonNode?)t));
        }

        CheckPattern(json, path, violations);
        foreach (var (name, index, branch) in Branches(json))
        {
            if (branch.ContainsKey("x-kubernetes-validations"))
            {
                violations.Forbidden($"{path}.{name}[{index}].x-kubernetes-validations", "must be empty to be structural");
            }
        }

        var properties = new Dictionary<string, Schema>(StringComparer.Ordinal);
        if (json.At("properties") is JsonObject members)
        {
            foreach (var (name, member) in members)
            {
                if (member is JsonObject o)
                {
                    properties[name] = ReadNode(o, $"{path}.properties[{name}]", violations, insideArrayOrObject: true);
                }
            }
        }

        Schema? additional = null;
        if (json.At("additionalProperties") is JsonObject additionalSchema)
        {
            if (properties.Count > 0)
            {
                violations.Forbidden($"{path}.additionalProperties", "additionalProperties and properties are mutual exclusive");
            }

            additional = ReadNode(additionalSchema, $"{path}.additionalProperties", violations, insideArrayOrObject: true);
        }
        else if (json.Flag("additionalProperties") == true)
        {
            additional = Schema.Anything;
        }

        Schema? items = null;
        if (string.Equals(type, "array", StringComparison.Ordinal))
        {
            if (json.At("items") is JsonObject itemSchema)
            {
                items = ReadNode(itemSchema, $"{path}.items", violations, insideArrayOrObject: true);
            }
            else
            {
                violations.Required($"{path}.items", "must be specified");
            }
        }

        var (kind, keys) = ReadListType(json, items, path, violations);
        return new Schema
        {
            Type = type,
            Description = json.Text("description") ?? "",
            Format = json.Text("format") ?? "",
            Properties = properties,
            AdditionalProperties = additional,
            Items = items,
            Required = [.. json.Texts("required")],
            Enum = json.At("enum") is JsonArray values ? [.. values] : [],
            Rules = json,
            Nullable = json.Flag("nullable") ?? false,
            IntOrString = intOrString,
            PreserveUnknown = preserve,
            EmbeddedResource = json.Flag("x-kubernetes-embedded-resource") ?? false,
            Default = json.At("default"),
            ListKind = kind,
            ListKeys = keys,
            AtomicMap = string.Equals(json.Text("x-kubernetes-map-type"), "atomic", StringComparison.Ordinal),
            Validations = CelRule.ReadAll(json, path, violations),
        };
    }

    internal static IEnumerable<(string Name, int Index, JsonObject Branch)> Branches(JsonObject json)
    {
        foreach (var name in Logical)
        {
            var index = 0;
            foreach (var branch in json.Items(name))
            {
                yield return (name, index++, branch);
            }
        }

        if (json.At("not") is JsonObject not)
        {
            yield return ("not", 0, not);
        }
    }

    private static (ListKind Kind, IReadOnlyList<string> Keys) ReadListType(JsonObject json, Schema? items, string path, Violations violations)
    {
        var keys = json.Texts("x-kubernetes-list-map-keys").ToList();
        switch (json.Text("x-kubernetes-list-type"))
        {
            case null or "atomic":
                return (ListKind.Atomic, []);
            case "set":
                return (ListKind.Set, []);
            case "map":
                if (keys.Count == 0)
                {
                    violations.Required($"{path}.x-kubernetes-list-map-keys", "must not be empty if x-kubernetes-list-type is map");
                }

                foreach (var key in keys.Where(k => items is not null && !items.Properties.ContainsKey(k)))
                {
                    violations.Invalid($"{path}.x-kubernetes-list-map-keys", key, "entries must all be names of item properties");
                }

                return (ListKind.Map, keys);
            case var other:
                violations.NotSupported($"{path}.x-kubernetes-list-type", other, ["atomic", "map", "set"]);
                return (ListKind.Atomic, []);
        }
    }

    private static void CheckPattern(JsonObject json, string path, Violations violations)
    {
        if (json.Text("pattern") is not { } pattern)
        {
            return;
        }

        try
        {
            _ = SchemaPatterns.Get(pattern);
        }
        catch (ArgumentException e)
        {
            violations.Invalid($"{path}.pattern", pattern, $"must be a valid regular expression, but isn't: {e.Message}");
        }
    }
}

/// <summary>Compiled patterns; a pattern never runs longer than a second, and never backtracks where the engine can avoid it.</summary>
internal static class SchemaPatterns
{
    private static readonly System.Collections.Concurrent.ConcurrentDictionary<string, Regex> Compiled = new(StringComparer.Ordinal);

    public static Regex Get(string pattern) => Compiled.GetOrAdd(pattern, static p =>
    {
        try
        {
            // Kubernetes uses RE2, which is linear: so is this mode. Its few gaps (look-around) RE2 does not have either.
            return new Regex(p, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));
        }
        catch (NotSupportedException e)
        {
            throw new ArgumentException(e.Message, e);
        }
    });
}

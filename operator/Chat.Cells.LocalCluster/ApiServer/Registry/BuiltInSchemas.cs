namespace Chat.Cells.LocalCluster.ApiServer.Registry;

/// <summary>
/// The schemas of built-in kinds, read from a compact text: a type name, then its fields, indented. A field line is <c>name type [options]</c>, where a type is
/// string, int, bool, number, ios (int or string), time, any, <c>{T}</c> for a map, <c>[T]</c> for a list or the name of a type; options are <c>!</c> (required),
/// <c>map=a,b</c> and <c>set</c> (how server-side apply merges the list), <c>merge=a</c> (the key of a strategic merge), <c>atomic</c> and <c>=value</c> (default, JSON). A line <c>...</c> allows further fields.
/// Fields that the API server of this cluster never looks into are <c>any</c>: they are stored as they come.
/// </summary>
public static class BuiltInSchemas
{
    private static readonly Dictionary<string, List<string[]>> Definitions = ReadDefinitions();
    private static readonly Dictionary<string, Schema> Made = new(StringComparer.Ordinal);
    private static readonly Lock Gate = new();

    /// <summary>The schema of <c>metadata</c>, for every kind.</summary>
    public static Schema ObjectMeta { get; } = Get("ObjectMeta");

    /// <summary>The schema of a type of the text.</summary>
    public static Schema Get(string type)
    {
        lock (Gate)
        {
            return Made.TryGetValue(type, out var known) ? known : Made[type] = Make(type);
        }
    }

    private static Schema Make(string type)
    {
        var properties = new Dictionary<string, Schema>(StringComparer.Ordinal);
        var required = new List<string>();
        var open = false;
        foreach (var words in Definitions[type])
        {
            if (words[0] == "...")
            {
                open = true;
                continue;
            }

            properties[words[0]] = Field(words);
            if (words.Contains("!"))
            {
                required.Add(words[0]);
            }
        }

        return new Schema { Type = "object", Properties = properties, Required = required, PreserveUnknown = open };
    }

    private static Schema Field(string[] words)
    {
        var type = words[1];
        string? Option(string name) => words.FirstOrDefault(w => w.StartsWith(name, StringComparison.Ordinal))?[name.Length..];
        var @default = Option("=") is { } text ? JsonText.ParseNode(System.Text.Encoding.UTF8.GetBytes(text), null) : null;
        if (type[0] == '[')
        {
            var keys = Option("map=")?.Split(',') ?? [];
            return new Schema
            {
                Type = "array",
                Items = Named(type[1..^1], null),
                ListKind = keys.Length > 0 ? ListKind.Map : words.Contains("set") ? ListKind.Set : ListKind.Atomic,
                ListKeys = keys,
                MergeKey = Option("merge=") ?? "",
                Default = @default,
                Nullable = true,
            };
        }

        if (type[0] == '{')
        {
            return new Schema { Type = "object", AdditionalProperties = Named(type[1..^1], null), Nullable = true, AtomicMap = words.Contains("atomic"), Default = @default };
        }

        var scalar = Named(type, @default);
        return words.Contains("atomic")
            ? new Schema { Type = scalar.Type, Properties = scalar.Properties, Required = scalar.Required, PreserveUnknown = scalar.PreserveUnknown, AtomicMap = true, Nullable = true, Default = @default }
            : scalar;
    }

    private static Schema Named(string type, JsonNode? @default) => type switch
    {
        "string" => new Schema { Type = "string", Nullable = true, Default = @default },
        "time" => new Schema { Type = "string", Format = "date-time", Nullable = true },
        "int" => new Schema { Type = "integer", Nullable = true, Default = @default },
        "number" => new Schema { Type = "number", Nullable = true, Default = @default },
        "bool" => new Schema { Type = "boolean", Nullable = true, Default = @default },
        "ios" => new Schema { IntOrString = true, Nullable = true, Default = @default },
        "any" => new Schema { PreserveUnknown = true, Nullable = true, Default = @default },
        _ => Object(type, @default),
    };

    private static Schema Object(string type, JsonNode? @default)
    {
        var made = Get(type);
        return @default is null && made.Nullable ? made : new Schema { Type = "object", Properties = made.Properties, Required = made.Required, PreserveUnknown = made.PreserveUnknown, Nullable = true, Default = @default };
    }

    private static Dictionary<string, List<string[]>> ReadDefinitions()
    {
        var definitions = new Dictionary<string, List<string[]>>(StringComparer.Ordinal);
        List<string[]>? current = null;
        foreach (var line in (BuiltInSchemaText.Core + BuiltInSchemaText.Workloads + BuiltInSchemaText.Others).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line[0] != ' ')
            {
                current = definitions[line.Trim()] = [];
            }
            else
            {
                // "name type": names that share a type may be joined by commas.
                var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                foreach (var name in words[0].Split(','))
                {
                    current!.Add([name, .. words[1..]]);
                }
            }
        }

        return definitions;
    }
}

namespace Chat.Cells.LocalCluster.ApiServer.Json;

/// <summary>Short ways through JSON trees whose shape is not trusted: a missing or differently typed member reads as null.</summary>
public static class JsonNodes
{
    /// <summary>The object under <paramref name="name"/>; made when it is missing or null.</summary>
    public static JsonObject Child(this JsonObject node, string name)
    {
        if (node[name] is JsonObject existing)
        {
            return existing;
        }

        var made = new JsonObject();
        node[name] = made;
        return made;
    }

    /// <summary>Walks object members; null when any is missing.</summary>
    public static JsonNode? At(this JsonNode? node, params ReadOnlySpan<string> path)
    {
        foreach (var name in path)
        {
            if (node is not JsonObject o || !o.TryGetPropertyValue(name, out node))
            {
                return null;
            }
        }

        return node;
    }

    /// <summary>The string at a path, or null.</summary>
    public static string? Text(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.At(path) is JsonValue v && v.TryGetValue<string>(out var s) ? s : null;

    /// <summary>The integer at a path, or null.</summary>
    public static long? Number(this JsonNode? node, params ReadOnlySpan<string> path) => node.At(path).AsLong();

    /// <summary>The boolean at a path, or null.</summary>
    public static bool? Flag(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.At(path) is JsonValue v && v.TryGetValue<bool>(out var b) ? b : null;

    /// <summary>The objects of the array at a path; empty when it is not an array.</summary>
    public static IEnumerable<JsonObject> Items(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.At(path) is JsonArray a ? a.OfType<JsonObject>() : [];

    /// <summary>The strings of the array at a path.</summary>
    public static IEnumerable<string> Texts(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.At(path) is JsonArray a ? a.Select(v => v.Text()).OfType<string>() : [];

    /// <summary>A 64-bit integer, whichever CLR type the node was made from.</summary>
    public static long? AsLong(this JsonNode? node) => node switch
    {
        JsonValue v when v.TryGetValue<long>(out var l) => l,
        JsonValue v when v.TryGetValue<int>(out var i) => i,
        _ => null,
    };

    /// <summary>A number, integral or not.</summary>
    public static double? AsDouble(this JsonNode? node) =>
        node.AsLong() is { } whole ? whole : node is JsonValue v && v.TryGetValue<double>(out var d) ? d : null;

    /// <summary>Structural equality: member order does not count, 1 and 1.0 are equal.</summary>
    public static bool Same(JsonNode? a, JsonNode? b)
    {
        switch (a, b)
        {
            case (null, null):
                return true;
            case (null, _) or (_, null):
                return false;
            case (JsonObject x, JsonObject y):
                return x.Count == y.Count && x.All(p => y.TryGetPropertyValue(p.Key, out var other) && Same(p.Value, other));
            case (JsonArray x, JsonArray y):
                return x.Count == y.Count && x.Zip(y).All(p => Same(p.First, p.Second));
            case (JsonValue x, JsonValue y):
                if (x.AsDouble() is { } p1 && y.AsDouble() is { } p2)
                {
                    return x.AsLong() is { } l1 && y.AsLong() is { } l2 ? l1 == l2 : p1.Equals(p2);
                }

                return JsonNode.DeepEquals(x, y);
            default:
                return false;
        }
    }
}

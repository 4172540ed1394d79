using System.Text.Json.Nodes;

namespace Chat.Cells.Operator.Tests.Cluster;

/// <summary>Values that a schema has to refuse, for every field: of another type, outside of the bounds, too long, not one of the names, not of the pattern.</summary>
internal static class WrongValues
{
    public static IEnumerable<(string Path, JsonNode Value)> Of(JsonObject schema, string path)
    {
        foreach (var json in Wrong(schema)) yield return (path, JsonNode.Parse(json)!);
        foreach (var (name, child) in schema["properties"] as JsonObject ?? [])
        {
            foreach (var inner in Of(child!.AsObject(), $"{path}.{name}")) yield return inner;
        }
        if (schema["additionalProperties"] is JsonObject values)
        {
            foreach (var inner in Of(values, $"{path}.cpu")) yield return inner;
        }
        if (schema["items"] is JsonObject items)
        {
            foreach (var inner in Of(items, $"{path}[0]")) yield return inner;
        }
    }

    /// <summary>Sets the value at a path such as <c>spec.kafka.endpoints[0]</c>, making what lies on the way.</summary>
    public static void Put(JsonObject root, string path, JsonNode value)
    {
        var steps = path.Split('.');
        var at = root;
        foreach (var step in steps[..^1])
        {
            if (at[step] is not JsonObject next) at[step] = next = [];
            at = next;
        }
        if (steps[^1].Split("[0]") is [var list, _]) at[list] = new JsonArray(value.DeepClone());
        else at[steps[^1]] = value.DeepClone();
    }

    private static IEnumerable<string> Wrong(JsonObject schema)
    {
        var type = schema["x-kubernetes-int-or-string"] is null ? schema["type"]!.GetValue<string>() : "int-or-string";
        foreach (var json in type switch
        {
            "string" => ["7", "true", "[]", "{}"],
            "integer" => ["\"x\"", "1.5", "true", "[]", "{}"],
            "int-or-string" => ["true", "[]", "{}", "1.5"],
            "array" => ["7", "\"x\"", "{}"],
            _ => (string[])["7", "\"x\"", "true", "[]"],
        }) yield return json;
        if (schema["enum"] is not null) yield return "\"Nonsense\"";
        if (schema["pattern"] is not null) yield return "\"?\"";
        if (schema["minimum"] is { } minimum) yield return $"{minimum.GetValue<long>() - 1}";
        if (schema["maximum"] is { } maximum) yield return $"{maximum.GetValue<long>() + 1}";
        if (schema["maxLength"] is { } longest) yield return $"\"{new string('a', longest.GetValue<int>() + 1)}\"";
    }
}

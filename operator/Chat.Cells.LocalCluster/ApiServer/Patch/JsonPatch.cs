using System.Globalization;

namespace Chat.Cells.LocalCluster.ApiServer.Patch;

/// <summary>RFC 6902.</summary>
internal static class JsonPatch
{
    private const int MaxOperations = 10_000;

    /// <summary>Applies operations in order to a copy.</summary>
    /// <exception cref="ApiException">400 for a malformed patch, 422 for one that does not fit the object.</exception>
    public static JsonNode? Apply(JsonNode target, JsonNode? patch)
    {
        if (patch is not JsonArray operations)
        {
            throw ApiException.BadRequest("error decoding patch: a JSON patch is a list of operations");
        }

        if (operations.Count > MaxOperations)
        {
            throw new ApiException(413, "RequestEntityTooLarge", $"The allowed maximum operations in a JSON patch is {MaxOperations}, got {operations.Count}");
        }

        var root = target.DeepClone();
        foreach (var operation in operations)
        {
            var path = Pointer(operation.Text("path") ?? throw ApiException.BadRequest("error decoding patch: an operation has no path"));
            switch (operation.Text("op"))
            {
                case "add":
                    root = Put(root, path, Value(operation), replace: false);
                    break;
                case "replace":
                    _ = Get(root, path);
                    root = Put(root, path, Value(operation), replace: true);
                    break;
                case "remove":
                    Remove(root, path);
                    break;
                case "test":
                    if (!JsonNodes.Same(TryGet(root, path, out var found) ? found : null, Value(operation)))
                    {
                        throw Unfit($"testing value {operation.Text("path")} failed: test failed");
                    }

                    break;
                case "copy":
                    root = Put(root, path, Get(root, From(operation))?.DeepClone(), replace: false);
                    break;
                case "move":
                    var moved = Get(root, From(operation))?.DeepClone();
                    Remove(root, From(operation));
                    root = Put(root, path, moved, replace: false);
                    break;
                case var other:
                    throw ApiException.BadRequest($"error decoding patch: unexpected kind: {other}");
            }
        }

        return root;
    }

    private static ApiException Unfit(string why) => new(422, "Invalid", "the server rejected our request due to an error in our request: " + why);

    private static string[] From(JsonNode? operation) =>
        Pointer(operation.Text("from") ?? throw ApiException.BadRequest("error decoding patch: an operation has no from"));

    private static JsonNode? Value(JsonNode? operation) => operation is JsonObject o && o.ContainsKey("value")
        ? o["value"]?.DeepClone()
        : throw ApiException.BadRequest("error decoding patch: an operation has no value");

    private static string[] Pointer(string text)
    {
        if (text.Length > 0 && text[0] != '/')
        {
            throw ApiException.BadRequest($"error decoding patch: \"{text}\" is not a JSON pointer");
        }

        return text.Length == 0 ? [] : [.. text[1..].Split('/').Select(p => p.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal))];
    }

    private static JsonNode? Get(JsonNode? root, ReadOnlySpan<string> path) =>
        TryGet(root, path, out var value) ? value : throw Unfit($"doc is missing path: /{string.Join('/', path.ToArray())}: missing value");

    private static bool TryGet(JsonNode? root, ReadOnlySpan<string> path, out JsonNode? value)
    {
        value = root;
        foreach (var part in path)
        {
            switch (value)
            {
                case JsonObject o when o.TryGetPropertyValue(part, out value):
                    continue;
                case JsonArray a when TryIndex(part, a.Count - 1, out var index):
                    value = a[index];
                    continue;
                default:
                    return false;
            }
        }

        return true;
    }

    private static JsonNode? Put(JsonNode? root, string[] path, JsonNode? value, bool replace)
    {
        if (path.Length == 0)
        {
            return value;
        }

        var last = path[^1];
        switch (Get(root, path.AsSpan(0, path.Length - 1)))
        {
            case JsonObject o:
                o[last] = value;
                return root;
            case JsonArray a when replace && TryIndex(last, a.Count - 1, out var at):
                a[at] = value;
                return root;
            case JsonArray a when last == "-":
                a.Add(value);
                return root;
            case JsonArray a when TryIndex(last, a.Count, out var at):
                a.Insert(at, value);
                return root;
            default:
                throw Unfit($"add operation does not apply: doc is missing path: \"/{string.Join('/', path)}\": missing value");
        }
    }

    private static void Remove(JsonNode? root, string[] path)
    {
        switch (path.Length == 0 ? null : Get(root, path.AsSpan(0, path.Length - 1)))
        {
            case JsonObject o when o.Remove(path[^1]):
                return;
            case JsonArray a when TryIndex(path[^1], a.Count - 1, out var at):
                a.RemoveAt(at);
                return;
            default:
                throw Unfit($"remove operation does not apply: doc is missing path: \"/{string.Join('/', path)}\": missing value");
        }
    }

    private static bool TryIndex(string text, int max, out int index) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out index) && index <= max;
}

using System.Globalization;
using System.Text.Encodings.Web;

namespace Chat.Cells.LocalCluster.ApiServer.Json;

/// <summary>Reading and writing of JSON as Kubernetes does it: duplicate keys are reported (the last wins), integral numbers are 64-bit integers.</summary>
public static class JsonText
{
    /// <summary>Deeper documents are refused.</summary>
    public const int MaxDepth = 128;

    /// <summary>Relaxed escaping: the text is for API clients, never put into HTML.</summary>
    public static JsonSerializerOptions Options { get; } = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, MaxDepth = MaxDepth + 8 };

    /// <summary>Parses an object that this server wrote itself.</summary>
    public static JsonObject Parse(ReadOnlySpan<byte> utf8) => (JsonObject)ParseNode(utf8, duplicates: null)!;

    /// <summary>Parses any document.</summary>
    /// <param name="utf8">The text.</param>
    /// <param name="duplicates">Receives the paths of keys that occur twice in one object; null when nobody asks.</param>
    /// <exception cref="JsonException">The text is not JSON, not UTF-8, or too deep.</exception>
    public static JsonNode? ParseNode(ReadOnlySpan<byte> utf8, ICollection<string>? duplicates)
    {
        var reader = new Utf8JsonReader(utf8, new JsonReaderOptions { MaxDepth = MaxDepth });
        try
        {
            reader.Read();
            var node = ReadValue(ref reader, "", duplicates);
            if (reader.Read())
            {
                throw new JsonException("text after the end of the document");
            }

            return node;
        }
        catch (InvalidOperationException e)
        {
            throw new JsonException("a string is not valid UTF-8", e);
        }
    }

    /// <summary>The text of a node, compact.</summary>
    public static string Print(JsonNode? node) => node is null ? "null" : node.ToJsonString(Options);

    private static JsonNode? ReadValue(ref Utf8JsonReader reader, string path, ICollection<string>? duplicates)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                return ReadObject(ref reader, path, duplicates);
            case JsonTokenType.StartArray:
                var array = new JsonArray();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                {
                    array.Add(ReadValue(ref reader, duplicates is null ? path : $"{path}[{array.Count}]", duplicates));
                }

                return array;
            case JsonTokenType.String:
                return JsonValue.Create(reader.GetString());
            case JsonTokenType.Number:
                return ReadNumber(ref reader);
            case JsonTokenType.True:
                return JsonValue.Create(true);
            case JsonTokenType.False:
                return JsonValue.Create(false);
            default:
                return null;
        }
    }

    private static JsonObject ReadObject(ref Utf8JsonReader reader, string path, ICollection<string>? duplicates)
    {
        var result = new JsonObject();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            var key = reader.GetString()!;
            var child = duplicates is null || path.Length == 0 ? key : $"{path}.{key}";
            reader.Read();
            if (result.ContainsKey(key))
            {
                duplicates?.Add(child);
            }

            result[key] = ReadValue(ref reader, child, duplicates);
        }

        return result;
    }

    private static JsonValue ReadNumber(ref Utf8JsonReader reader)
    {
        if (reader.TryGetInt64(out var whole))
        {
            return JsonValue.Create(whole);
        }

        var number = reader.GetDouble();
        if (!double.IsFinite(number))
        {
            throw new JsonException("a number is out of range");
        }

        // 1.0 and 1e3 are integers to a schema, as they are to the real server's decoder.
        return Math.Abs(number) < 9e15 && Math.Floor(number) == number
            ? JsonValue.Create((long)number)
            : JsonValue.Create(number);
    }

    /// <summary>A scalar as text, the way messages and table cells show it.</summary>
    public static string Scalar(JsonNode? node) => node switch
    {
        null => "",
        JsonValue v when v.TryGetValue<string>(out var s) => s,
        JsonValue v when v.TryGetValue<bool>(out var b) => b ? "true" : "false",
        JsonValue v when v.TryGetValue<long>(out var l) => l.ToString(CultureInfo.InvariantCulture),
        JsonValue v when v.TryGetValue<int>(out var i) => i.ToString(CultureInfo.InvariantCulture),
        JsonValue v when v.TryGetValue<double>(out var d) => d.ToString("R", CultureInfo.InvariantCulture),
        _ => Print(node),
    };
}

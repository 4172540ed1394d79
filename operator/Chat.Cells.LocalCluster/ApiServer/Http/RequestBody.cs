using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Chat.Cells.LocalCluster.ApiServer.Http;

/// <summary>Reads the bodies of requests: JSON or YAML, at most 3 MiB.</summary>
internal static class RequestBody
{
    /// <summary>The limit of the real server.</summary>
    public const int MaxBytes = 3 * 1024 * 1024;

    private const int MaxYamlNodes = 200_000;

    /// <summary>The media type of a request, without parameters; "" when there is none.</summary>
    public static string MediaType(HttpRequest request) => (request.ContentType ?? "").Split(';')[0].Trim().ToLowerInvariant();

    /// <summary>Reads a JSON or YAML object.</summary>
    /// <param name="request">The request.</param>
    /// <param name="duplicates">Receives the paths of keys that occur twice.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <returns>The object, or null when the body is empty.</returns>
    public static async Task<JsonObject?> ReadObjectAsync(HttpRequest request, ICollection<string>? duplicates, CancellationToken cancellationToken)
    {
        var type = MediaType(request);
        if (type is not ("" or "application/json" or "application/yaml" or ProtobufBody.MediaType))
        {
            throw ApiException.UnsupportedMediaType("application/json", "application/yaml");
        }

        var bytes = await ReadBytesAsync(request, cancellationToken);
        if (bytes.Length == 0)
        {
            return null;
        }

        if (type == ProtobufBody.MediaType)
        {
            return ProtobufBody.Read(bytes);
        }

        return Parse(bytes, type == "application/yaml", duplicates) as JsonObject
            ?? throw ApiException.BadRequest("the object provided is unrecognized: the body is not an object");
    }

    /// <summary>Reads all bytes of the body.</summary>
    public static async Task<byte[]> ReadBytesAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        if (request.ContentLength > MaxBytes)
        {
            throw TooLarge();
        }

        using var buffer = new MemoryStream();
        var chunk = new byte[16 * 1024];
        int read;
        while ((read = await request.Body.ReadAsync(chunk, cancellationToken)) > 0)
        {
            buffer.Write(chunk, 0, read);
            if (buffer.Length > MaxBytes)
            {
                throw TooLarge();
            }
        }

        return buffer.ToArray();
    }

    /// <summary>Parses a document.</summary>
    /// <exception cref="ApiException">400: it can't be read.</exception>
    public static JsonNode? Parse(byte[] bytes, bool isYaml, ICollection<string>? duplicates)
    {
        try
        {
            return isYaml ? ParseYaml(bytes) : JsonText.ParseNode(bytes, duplicates);
        }
        catch (JsonException e)
        {
            throw ApiException.BadRequest($"the object provided is unrecognized: json parse error: {e.Message}");
        }
        catch (YamlException e)
        {
            throw ApiException.BadRequest($"the object provided is unrecognized: yaml parse error: {e.Message}");
        }
    }

    private static ApiException TooLarge() => new(413, "RequestEntityTooLarge", $"Request entity too large: limit is {MaxBytes}");

    private static JsonNode? ParseYaml(byte[] bytes)
    {
        var text = new System.Text.UTF8Encoding(false, throwOnInvalidBytes: true);
        string source;
        try
        {
            source = text.GetString(bytes);
        }
        catch (System.Text.DecoderFallbackException)
        {
            throw ApiException.BadRequest("the object provided is unrecognized: the body is not valid UTF-8");
        }

        var stream = new YamlStream();
        stream.Load(new StringReader(source));
        if (stream.Documents.Count != 1)
        {
            throw ApiException.BadRequest($"the object provided is unrecognized: one YAML document expected, found {stream.Documents.Count}");
        }

        var budget = MaxYamlNodes;
        return FromYaml(stream.Documents[0].RootNode, 0, ref budget);
    }

    private static JsonNode? FromYaml(YamlNode node, int depth, ref int budget)
    {
        // Aliases make small documents grow without end: the tree that they stand for is bounded.
        if (depth > JsonText.MaxDepth || --budget < 0)
        {
            throw ApiException.BadRequest("the object provided is unrecognized: the YAML document is too deep or too large");
        }

        switch (node)
        {
            case YamlMappingNode mapping:
                var o = new JsonObject();
                foreach (var (key, value) in mapping.Children)
                {
                    o[(key as YamlScalarNode)?.Value ?? throw ApiException.BadRequest("the object provided is unrecognized: a YAML key is not a string")] =
                        FromYaml(value, depth + 1, ref budget);
                }

                return o;
            case YamlSequenceNode sequence:
                var a = new JsonArray();
                foreach (var item in sequence.Children)
                {
                    a.Add(FromYaml(item, depth + 1, ref budget));
                }

                return a;
            case YamlScalarNode { Style: ScalarStyle.Plain or ScalarStyle.Any } scalar:
                return Plain(scalar.Value ?? "");
            default:
                return JsonValue.Create((node as YamlScalarNode)?.Value);
        }
    }

    private static JsonValue? Plain(string text) => text switch
    {
        "" or "~" or "null" or "Null" or "NULL" => null,
        "true" or "True" or "TRUE" => JsonValue.Create(true),
        "false" or "False" or "FALSE" => JsonValue.Create(false),
        _ when char.IsAsciiDigit(text[0]) || text[0] is '-' or '+' or '.' => Number(text),
        _ => JsonValue.Create(text),
    };

    private static JsonValue Number(string text)
    {
        var culture = System.Globalization.CultureInfo.InvariantCulture;
        if (long.TryParse(text, System.Globalization.NumberStyles.AllowLeadingSign, culture, out var whole))
        {
            return JsonValue.Create(whole);
        }

        return double.TryParse(text, System.Globalization.NumberStyles.Float, culture, out var real) && double.IsFinite(real)
            ? JsonValue.Create(real)
            : JsonValue.Create(text);
    }
}

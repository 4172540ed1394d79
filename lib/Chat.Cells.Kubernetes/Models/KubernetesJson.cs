using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Chat.Cells.Kubernetes.Models;

/// <summary>JSON as the Kubernetes API speaks it: camel case, nulls left out, RFC 3339 times.</summary>
public static class KubernetesJson
{
    /// <summary>Options for every API type.</summary>
    public static JsonSerializerOptions Options { get; } = Create(indented: false);

    /// <summary>The same, indented, for people and golden files.</summary>
    public static JsonSerializerOptions Indented { get; } = Create(indented: true);

    /// <summary>Object to UTF-8 JSON.</summary>
    public static byte[] ToBytes<T>(T value) => JsonSerializer.SerializeToUtf8Bytes(value, Options);

    /// <summary>Object to a JSON tree.</summary>
    public static JsonObject ToNode<T>(T value) => JsonSerializer.SerializeToNode(value, Options)!.AsObject();

    /// <summary>JSON text to an object.</summary>
    /// <exception cref="JsonException">Not JSON, or not of this shape.</exception>
    public static T Parse<T>(string json) => JsonSerializer.Deserialize<T>(json, Options) ?? throw new JsonException("null where an object was expected");

    /// <summary>JSON tree to an object.</summary>
    /// <exception cref="JsonException">Not of this shape.</exception>
    public static T FromNode<T>(JsonNode node) => node.Deserialize<T>(Options) ?? throw new JsonException("null where an object was expected");

    private static JsonSerializerOptions Create(bool indented)
    {
        var options = new JsonSerializerOptions(JsonSerializerDefaults.Web)
        {
            PropertyNameCaseInsensitive = false,
            NumberHandling = JsonNumberHandling.Strict,
            DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
            WriteIndented = indented,
            MaxDepth = 128,
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        };
        options.Converters.Add(new TimeConverter());
        // "required" is for whoever writes an object in C#. What the server sends is read as it is: a bookmark has no spec at all.
        options.TypeInfoResolver = new DefaultJsonTypeInfoResolver
        {
            Modifiers =
            {
                static type =>
                {
                    foreach (var property in type.Properties)
                    {
                        property.IsRequired = false;
                    }
                },
            },
        };
        options.MakeReadOnly();
        return options;
    }

    /// <summary>meta/v1 Time: RFC 3339 with whole seconds.</summary>
    private sealed class TimeConverter : JsonConverter<DateTimeOffset>
    {
        public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetDateTimeOffset();

        public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) =>
            writer.WriteStringValue(value.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture));
    }
}

/// <summary>meta/v1 MicroTime: exactly six digits of fraction, which real API servers insist on.</summary>
public sealed class MicroTimeConverter : JsonConverter<DateTimeOffset>
{
    /// <inheritdoc/>
    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetDateTimeOffset();

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture));
}

/// <summary>A number or a name: ports, and the like (util/intstr IntOrString).</summary>
[JsonConverter(typeof(Converter))]
public readonly record struct IntOrString
{
    private readonly string? _text;

    /// <summary>A number.</summary>
    public IntOrString(int value)
    {
        Number = value;
    }

    /// <summary>A name.</summary>
    public IntOrString(string value)
    {
        _text = value;
    }

    /// <summary>The number, or null when it is a name.</summary>
    public int? Number { get; }

    /// <summary>The name, or null when it is a number.</summary>
    public string? Text => _text;

    public static implicit operator IntOrString(int value) => new(value);

    public static implicit operator IntOrString(string value) => new(value);

    /// <inheritdoc/>
    public override string ToString() => _text ?? Number.GetValueOrDefault().ToString(CultureInfo.InvariantCulture);

    private sealed class Converter : JsonConverter<IntOrString>
    {
        public override IntOrString Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.TokenType == JsonTokenType.Number ? new IntOrString(reader.GetInt32()) : new IntOrString(reader.GetString() ?? string.Empty);

        public override void Write(Utf8JsonWriter writer, IntOrString value, JsonSerializerOptions options)
        {
            if (value.Text is { } text)
            {
                writer.WriteStringValue(text);
            }
            else
            {
                writer.WriteNumberValue(value.Number.GetValueOrDefault());
            }
        }
    }
}

/// <summary>An amount such as <c>500m</c> or <c>1Gi</c>, kept as written; a bare number in JSON is accepted.</summary>
[JsonConverter(typeof(Converter))]
public readonly record struct Quantity(string Value)
{
    public static implicit operator Quantity(string value) => new(value);

    /// <inheritdoc/>
    public override string ToString() => Value;

    private sealed class Converter : JsonConverter<Quantity>
    {
        public override Quantity Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            if (reader.TokenType == JsonTokenType.Number)
            {
                using var number = JsonDocument.ParseValue(ref reader);
                return new Quantity(number.RootElement.GetRawText());
            }
            return new Quantity(reader.GetString() ?? string.Empty);
        }

        public override void Write(Utf8JsonWriter writer, Quantity value, JsonSerializerOptions options) => writer.WriteStringValue(value.Value);
    }
}

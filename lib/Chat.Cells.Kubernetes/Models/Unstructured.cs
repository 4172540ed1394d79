using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Chat.Cells.Kubernetes.Models;

/// <summary>An object of any kind, as a JSON tree (client-go's term).</summary>
[JsonConverter(typeof(Converter))]
public sealed class Unstructured : IKubernetesObject
{
    /// <summary>Wraps a JSON tree; the tree is not copied.</summary>
    public Unstructured(JsonObject json)
    {
        ArgumentNullException.ThrowIfNull(json);
        Json = json;
    }

    /// <summary>The object itself.</summary>
    public JsonObject Json { get; }

    /// <inheritdoc/>
    public string? ApiVersion => Text(Json, "apiVersion");

    /// <inheritdoc/>
    public string? Kind => Text(Json, "kind");

    /// <summary>A parsed copy of the metadata, made at each call: change <see cref="Json"/> to change the object.</summary>
    public V1ObjectMeta Metadata => Json["metadata"] is JsonObject metadata ? KubernetesJson.FromNode<V1ObjectMeta>(metadata) : new V1ObjectMeta();

    /// <summary>The same object as a typed one.</summary>
    /// <exception cref="JsonException">The fields are not of that type's shape.</exception>
    public T As<T>() => KubernetesJson.FromNode<T>(Json);

    /// <summary>A typed object as a tree.</summary>
    public static Unstructured From<T>(T value) => new(KubernetesJson.ToNode(value));

    private static string? Text(JsonObject json, string name) => json[name] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    private sealed class Converter : JsonConverter<Unstructured>
    {
        public override Unstructured Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            JsonNode.Parse(ref reader) is JsonObject json ? new Unstructured(json) : throw new JsonException("An API object must be a JSON object.");

        public override void Write(Utf8JsonWriter writer, Unstructured value, JsonSerializerOptions options) => value.Json.WriteTo(writer, options);
    }
}

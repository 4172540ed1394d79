using System.Globalization;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Chat.Cells.LocalCluster.Up;

/// <summary>Reads manifests: one or more YAML documents, as JSON objects.</summary>
public static class ManifestReader
{
    /// <summary>Every document of a text, lists (kind List) taken apart, empty documents left out.</summary>
    /// <exception cref="UpException">It is not YAML, or a document is not an object with apiVersion and kind; the message has file and line.</exception>
    public static IReadOnlyList<JsonObject> Read(string text, string source)
    {
        var stream = new YamlStream();
        try
        {
            stream.Load(new StringReader(text));
        }
        catch (YamlException e)
        {
            throw new UpException(string.Create(CultureInfo.InvariantCulture, $"{source}, line {e.Start.Line}: {e.Message}"), e);
        }

        var objects = new List<JsonObject>();
        foreach (var document in stream.Documents)
        {
            var node = Node(document.RootNode);
            if (node is JsonObject list && (string?)list["kind"] == "List" && list["items"] is JsonArray items)
            {
                objects.AddRange(items.OfType<JsonObject>().Select(item => item.DeepClone().AsObject()));
            }
            else if (node is JsonObject manifest && manifest["apiVersion"] is not null && manifest["kind"] is not null && manifest["metadata"]?["name"] is not null)
            {
                objects.Add(manifest);
            }
            else if (node is not null)
            {
                throw new UpException(string.Create(CultureInfo.InvariantCulture, $"{source}, line {document.RootNode.Start.Line}: a manifest needs apiVersion, kind and metadata.name"));
            }
        }

        return objects;
    }

    private static JsonNode? Node(YamlNode node) => node switch
    {
        YamlMappingNode mapping => new JsonObject(mapping.Children.Select(child => KeyValuePair.Create(((YamlScalarNode)child.Key).Value ?? "", Node(child.Value)))),
        YamlSequenceNode sequence => new JsonArray([.. sequence.Children.Select(Node)]),
        YamlScalarNode scalar => Scalar(scalar),
        _ => null,
    };

    // YAML's core schema: quoted text is text, plain text may be null, a boolean or a number.
    private static JsonNode? Scalar(YamlScalarNode scalar)
    {
        var text = scalar.Value ?? "";
        if (scalar.Style is not ScalarStyle.Plain)
        {
            return text;
        }

        return text switch
        {
            "" or "~" or "null" or "Null" or "NULL" => null,
            "true" or "True" or "TRUE" => true,
            "false" or "False" or "FALSE" => false,
            _ when long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) => whole,
            _ when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var real) && (char.IsAsciiDigit(text[0]) || text[0] is '-' or '+' or '.') => real,
            _ => text,
        };
    }
}

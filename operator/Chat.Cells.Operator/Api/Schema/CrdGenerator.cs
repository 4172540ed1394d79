using System.ComponentModel;
using System.Reflection;
using System.Text.Json.Nodes;
using Chat.Cells.Kubernetes.Models;
using YamlDotNet.Core;
using YamlDotNet.Serialization;

namespace Chat.Cells.Operator.Api.Schema;

/// <summary>Writes the CustomResourceDefinition of a C# type. The file in <c>crds/</c> is its output.</summary>
public static class CrdGenerator
{
    /// <summary>The file's first line.</summary>
    public const string Header = "# Generated from operator/Chat.Cells.Operator/Api by `make crds`. Do not edit.\n";

    /// <summary>Name of the file for a type, such as <c>chatcells.io_chatcells.yaml</c>.</summary>
    public static string FileName<T>() => $"{ResourceType.Of<T>().Group}_{ResourceType.Of<T>().Plural}.yaml";

    /// <summary>The definition as a JSON tree, ready to be applied.</summary>
    public static JsonObject Definition<T>()
        where T : KubernetesObject
    {
        var type = typeof(T);
        var resource = ResourceType.Of<T>();
        var description = type.GetCustomAttribute<DescriptionAttribute>()?.Description ?? throw new InvalidOperationException($"{type.Name} has no [Description].");
        var shortNames = type.GetCustomAttribute<KubernetesEntityShortNamesAttribute>()?.ShortNames ?? [];
        var version = new JsonObject
        {
            ["name"] = resource.Version,
            ["served"] = true,
            ["storage"] = true,
            ["additionalPrinterColumns"] = new JsonArray([.. type.GetCustomAttributes<GenericAdditionalPrinterColumnAttribute>().Select(Column)]),
            ["schema"] = new JsonObject { ["openAPIV3Schema"] = Root(type, description) },
            ["subresources"] = new JsonObject { ["status"] = new JsonObject() },
        };
        return new JsonObject
        {
            ["apiVersion"] = "apiextensions.k8s.io/v1",
            ["kind"] = "CustomResourceDefinition",
            ["metadata"] = new JsonObject { ["name"] = $"{resource.Plural}.{resource.Group}" },
            ["spec"] = new JsonObject
            {
                ["group"] = resource.Group,
                ["names"] = new JsonObject
                {
                    ["kind"] = resource.Kind,
                    ["listKind"] = resource.Kind + "List",
                    ["plural"] = resource.Plural,
                    ["singular"] = resource.Kind.ToLowerInvariant(),
                    ["shortNames"] = Strings(shortNames),
                },
                ["scope"] = resource.Namespaced ? "Namespaced" : "Cluster",
                ["versions"] = new JsonArray(version),
            },
        };
    }

    /// <summary>The definition as YAML, with the header.</summary>
    public static string Yaml<T>()
        where T : KubernetesObject
    {
        var serializer = new SerializerBuilder().WithDefaultScalarStyle(ScalarStyle.Any).WithQuotingNecessaryStrings().Build();
        return Header + serializer.Serialize(Plain(Definition<T>())!).ReplaceLineEndings("\n");
    }

    private static JsonObject Root(Type type, string description)
    {
        var schema = new JsonObject
        {
            ["description"] = description,
            ["type"] = "object",
            ["required"] = new JsonArray("spec"),
            ["properties"] = new JsonObject
            {
                ["apiVersion"] = new JsonObject { ["description"] = "Group and version of this resource.", ["type"] = "string" },
                ["kind"] = new JsonObject { ["description"] = "The kind of this resource.", ["type"] = "string" },
                ["metadata"] = new JsonObject { ["type"] = "object" },
            },
        };
        // Spec and status of the type; the rest of the root is every object's.
        foreach (var (name, property) in SchemaGenerator.Declared(type))
        {
            schema["properties"]![name] = property;
        }
        SchemaGenerator.AddRules(schema, type.GetCustomAttributes<ValidationRuleAttribute>());
        return schema;
    }

    private static JsonNode Column(GenericAdditionalPrinterColumnAttribute column)
    {
        var node = new JsonObject { ["name"] = column.Name, ["type"] = column.Type, ["jsonPath"] = column.JsonPath };
        if (column.Description is not null)
        {
            node["description"] = column.Description;
        }
        if (column.Priority != 0)
        {
            node["priority"] = column.Priority;
        }
        return node;
    }

    private static JsonArray Strings(IEnumerable<string> values) => new([.. values.Select(v => (JsonNode?)JsonValue.Create(v))]);

    private static object? Plain(JsonNode? node) => node switch
    {
        JsonObject o => o.ToDictionary(p => p.Key, p => Plain(p.Value)),
        JsonArray a => a.Select(Plain).ToList(),
        JsonValue v when v.TryGetValue<string>(out var text) => text,
        JsonValue v when v.TryGetValue<bool>(out var flag) => flag,
        JsonValue v when v.TryGetValue<long>(out var number) => number,
        JsonValue v when v.TryGetValue<int>(out var number) => number,
        _ => null,
    };
}

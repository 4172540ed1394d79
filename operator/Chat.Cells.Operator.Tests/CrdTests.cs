using System.ComponentModel;
using System.Text.Json.Nodes;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Operator.Api;
using Chat.Cells.Operator.Api.Schema;

namespace Chat.Cells.Operator.Tests;

public sealed class CrdTests
{
    [Fact]
    public void File_CheckedIn_IsWhatTheTypeSays() =>
        Assert.True(
            CrdGenerator.Yaml<ChatCell>() == File.ReadAllText(Path.Combine(Repository.Root, "crds", CrdGenerator.FileName<ChatCell>())),
            "crds/ differs from the C# type: run `make crds` and commit the result.");

    [Fact]
    public void Schema_EveryFieldBelowTheRoot_HasADescription()
    {
        var missing = new List<string>();
        Walk(Schema(), "ChatCell", missing);
        Assert.Empty(missing);

        static void Walk(JsonObject schema, string path, List<string> missing)
        {
            foreach (var (name, child) in schema["properties"] as JsonObject ?? [])
            {
                if (child!["description"] is null && path + "." + name != "ChatCell.metadata")
                {
                    missing.Add($"{path}.{name}");
                }
                Walk(child.AsObject(), $"{path}.{name}", missing);
                if (child["items"] is JsonObject items)
                {
                    Walk(items, $"{path}.{name}[]", missing);
                }
            }
        }
    }

    [Fact]
    public void Definition_NamesAndColumns_AreThoseUsersKnow()
    {
        var crd = CrdGenerator.Definition<ChatCell>();
        Assert.Equal("chatcells.chatcells.io", crd["metadata"]!["name"]!.GetValue<string>());
        Assert.Equal("cell", crd["spec"]!["names"]!["shortNames"]![0]!.GetValue<string>());
        var version = crd["spec"]!["versions"]![0]!;
        Assert.Equal("v1alpha1", version["name"]!.GetValue<string>());
        Assert.NotNull(version["subresources"]!["status"]);
        Assert.Equal(["Region", "Ready", "Gateways", "Connections", "Age", "Reason"], version["additionalPrinterColumns"]!.AsArray().Select(c => c!["name"]!.GetValue<string>()));
        Assert.Equal(1, version["additionalPrinterColumns"]![5]!["priority"]!.GetValue<int>());
    }

    [Fact]
    public void Schema_StatusOfAFreshObject_IsNotRequired()
    {
        Assert.Equal(["spec"], Schema()["required"]!.AsArray().Select(r => r!.GetValue<string>()));
        Assert.Equal(["region"], Schema()["properties"]!["spec"]!["required"]!.AsArray().Select(r => r!.GetValue<string>()));
    }

    [Fact]
    public void Generator_FieldWithoutDescription_Refuses() =>
        Assert.Contains("Bare.field", Assert.Throws<InvalidOperationException>(() => SchemaGenerator.Object(typeof(Bare), null)).Message, StringComparison.Ordinal);

    [Fact]
    public void Generator_TypeWithoutSchema_Refuses() =>
        Assert.Contains("Odd.field", Assert.Throws<InvalidOperationException>(() => SchemaGenerator.Object(typeof(Odd), null)).Message, StringComparison.Ordinal);

    [Fact]
    public void Defaults_OfTheSchema_AreThoseOfTheCSharpType()
    {
        // A cell made in C# and one applied as YAML mean the same.
        var spec = KubernetesJson.ToNode(new ChatCellSpec { Region = "eu" });
        foreach (var (path, value) in Leaves(Schema()["properties"]!["spec"]!.AsObject()))
        {
            JsonNode? own = spec;
            foreach (var part in path)
            {
                own = own?[part];
            }
            Assert.True(JsonNode.DeepEquals(value, own), $"{string.Join('.', path)}: schema {value?.ToJsonString()}, type {own?.ToJsonString()}");
        }

        static IEnumerable<(string[] Path, JsonNode? Value)> Leaves(JsonObject schema)
        {
            foreach (var (name, child) in schema["properties"] as JsonObject ?? [])
            {
                if (child!["default"] is { } value and not JsonObject)
                {
                    yield return ([name], value);
                }
                foreach (var (path, leaf) in Leaves(child.AsObject()))
                {
                    yield return ([name, .. path], leaf);
                }
            }
        }
    }

    private static JsonObject Schema() => CrdGenerator.Definition<ChatCell>()["spec"]!["versions"]![0]!["schema"]!["openAPIV3Schema"]!.AsObject();

    private sealed record Bare(string Field);

    private sealed record Odd([property: Description("odd")] Uri Field);
}

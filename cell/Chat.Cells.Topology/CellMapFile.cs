using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Chat.Cells.Topology;

/// <summary>
/// The cell map as text and as a file. The checksum is <c>sha256:{hex}</c> over the compact JSON with an empty checksum, members in the order of the text: so white space
/// doesn't matter, and members that a newer writer adds are covered too (and otherwise ignored).
/// </summary>
public static class CellMapFile
{
    /// <summary>The file's name in a ConfigMap or folder.</summary>
    public const string FileName = "cells.json";

    /// <summary>The largest text that is read, in bytes (a ConfigMap's limit).</summary>
    public const int MaxBytes = 1 << 20;

    /// <summary>The map as compact JSON with its checksum; the same map is always the same text.</summary>
    public static string Serialize(CellMap map)
    {
        var document = new CellMapDocument(map.Version, "", map.Cells, map.HandleShards, map.Numbers);
        var unsigned = JsonSerializer.SerializeToUtf8Bytes(document, CellMapJson.Default.CellMapDocument);
        return JsonSerializer.Serialize(document with { Checksum = Checksum(unsigned) }, CellMapJson.Default.CellMapDocument);
    }

    /// <summary>Reads a map and verifies its checksum.</summary>
    /// <exception cref="CellMapException">Not JSON, a wrong checksum, or a map that contradicts itself.</exception>
    public static CellMap Parse(ReadOnlySpan<byte> utf8)
    {
        if (utf8.Length > MaxBytes) throw new CellMapException($"it is larger than {MaxBytes} bytes");
        CellMapDocument document;
        try
        {
            document = JsonSerializer.Deserialize(utf8, CellMapJson.Default.CellMapDocument) ?? throw new CellMapException("it is null");
            if (HasNullElements(document)) throw new CellMapException("a list in it has a null element");
            var tree = JsonNode.Parse(utf8, documentOptions: new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = 16 })!.AsObject();
            tree["checksum"] = "";
            var expected = Checksum(Encoding.UTF8.GetBytes(tree.ToJsonString()));
            if (!string.Equals(expected, document.Checksum, StringComparison.OrdinalIgnoreCase))
                throw new CellMapException($"its checksum is '{document.Checksum}', but its content has '{expected}'");
        }
        catch (JsonException e)
        {
            throw new CellMapException($"it is not a cell map in JSON: {e.Message}", e);
        }
        return CellMap.Create(document.Version, document.Cells, document.HandleShards, document.Numbers);
    }

    /// <inheritdoc cref="Parse(ReadOnlySpan{byte})"/>
    public static CellMap Parse(string json) => Parse(Encoding.UTF8.GetBytes(json));

    /// <summary>Reads a map from a file.</summary>
    /// <exception cref="CellMapException">What the file holds can't be used.</exception>
    /// <exception cref="IOException">The file can't be read.</exception>
    public static CellMap Read(string path) => Parse(ReadBytes(path));

    /// <summary>Writes a map so that a reader, or a machine that loses power, sees the old file or the new one and nothing between.</summary>
    /// <exception cref="IOException">The file can't be written.</exception>
    public static void Write(string path, CellMap map)
    {
        var full = Path.GetFullPath(path);
        var directory = Path.GetDirectoryName(full)!;
        Directory.CreateDirectory(directory);
        var temporary = $"{full}.{Guid.NewGuid():N}.tmp";
        try
        {
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                stream.Write(Encoding.UTF8.GetBytes(Serialize(map)));
                stream.Flush(flushToDisk: true);
            }
            File.Move(temporary, full, overwrite: true);
            DirectorySync.Flush(directory);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    /// <summary>The bytes of a map file; opened anew each time, so that the links of a mounted ConfigMap are followed.</summary>
    internal static byte[] ReadBytes(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        if (stream.Length > MaxBytes) throw new CellMapException($"'{path}' is larger than {MaxBytes} bytes");
        using var memory = new MemoryStream((int)stream.Length);
        stream.CopyTo(memory);
        return memory.ToArray();
    }

    // The serializer checks members for null, not the elements of lists.
    private static bool HasNullElements(CellMapDocument document) =>
        document.Cells.Any(c => c is null || c.Keys.Any(k => k is null)) || document.HandleShards.Values.Any(r => r is null || r.Any(s => s is null));

    private static string Checksum(ReadOnlySpan<byte> text) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(text));
}

/// <summary>The shape of cells.json.</summary>
internal sealed record CellMapDocument(
    long Version,
    string Checksum,
    IReadOnlyList<CellEntry> Cells,
    IReadOnlyDictionary<string, IReadOnlyList<HandleShardRange>> HandleShards,
    IReadOnlyDictionary<string, int> Numbers);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    AllowDuplicateProperties = false,
    MaxDepth = 16)]
[JsonSerializable(typeof(CellMapDocument))]
internal sealed partial class CellMapJson : JsonSerializerContext;

using System.Text;

namespace Chat.Cells.LocalCluster.ApiServer.Http;

/// <summary>
/// Reads the protobuf bodies that <c>kubectl create namespace|configmap|secret|serviceaccount</c> sends (it never asks whether a server can read them). Only these four
/// kinds are known here; for all others the caller is told to send JSON. Field numbers are those of Kubernetes' published <c>generated.proto</c> files.
/// </summary>
internal static class ProtobufBody
{
    public const string MediaType = "application/vnd.kubernetes.protobuf";

    private enum FieldType
    {
        Text,
        Bytes,
        Flag,
        TextMap,
        BytesMap,
        Message,
        TextList,
    }

    private sealed record Field(string Name, FieldType Type, Dictionary<int, Field>? Message = null);

    private static readonly Dictionary<int, Field> Meta = new()
    {
        [1] = new("name", FieldType.Text),
        [2] = new("generateName", FieldType.Text),
        [3] = new("namespace", FieldType.Text),
        [11] = new("labels", FieldType.TextMap),
        [12] = new("annotations", FieldType.TextMap),
        [14] = new("finalizers", FieldType.TextList),
    };

    // Empty defaults that a typed client sends along and that carry nothing.
    private static readonly HashSet<int> IgnoredMeta = [4, 5, 6, 7, 8];

    private static readonly Dictionary<string, Dictionary<int, Field>> Kinds = new(StringComparer.Ordinal)
    {
        ["Namespace"] = new() { [1] = new("metadata", FieldType.Message, Meta), [2] = new("spec", FieldType.Message, []), [3] = new("status", FieldType.Message, new() { [1] = new("phase", FieldType.Text) }) },
        ["ConfigMap"] = new()
        {
            [1] = new("metadata", FieldType.Message, Meta),
            [2] = new("data", FieldType.TextMap),
            [3] = new("binaryData", FieldType.BytesMap),
            [4] = new("immutable", FieldType.Flag),
        },
        ["Secret"] = new()
        {
            [1] = new("metadata", FieldType.Message, Meta),
            [2] = new("data", FieldType.BytesMap),
            [3] = new("type", FieldType.Text),
            [4] = new("stringData", FieldType.TextMap),
            [5] = new("immutable", FieldType.Flag),
        },
        ["ServiceAccount"] = new() { [1] = new("metadata", FieldType.Message, Meta), [4] = new("automountServiceAccountToken", FieldType.Flag) },
    };

    /// <summary>Reads a body: the four magic bytes, then a <c>runtime.Unknown</c> with the object in it.</summary>
    public static JsonObject Read(ReadOnlySpan<byte> body)
    {
        if (!body.StartsWith("k8s\0"u8))
        {
            throw Malformed();
        }

        var (apiVersion, kind) = ("", "");
        ReadOnlySpan<byte> raw = [];
        var reader = new Reader(body[4..]);
        while (reader.Next())
        {
            if (reader.Number == 1)
            {
                var type = new Reader(reader.Bytes);
                while (type.Next())
                {
                    apiVersion = type.Number == 1 ? Utf8(type.Bytes) : apiVersion;
                    kind = type.Number == 2 ? Utf8(type.Bytes) : kind;
                }
            }
            else if (reader.Number == 2)
            {
                raw = reader.Bytes;
            }
        }

        if (apiVersion != "v1" || !Kinds.TryGetValue(kind, out var fields))
        {
            throw new ApiException(
                415,
                "UnsupportedMediaType",
                $"protobuf bodies of {apiVersion} {kind}: not supported here; send JSON or YAML (with kubectl: create … --dry-run=client -o yaml | kubectl apply -f -)");
        }

        var value = ReadMessage(raw, fields);
        value["apiVersion"] = apiVersion;
        value["kind"] = kind;
        return value;
    }

    private static JsonObject ReadMessage(ReadOnlySpan<byte> bytes, Dictionary<int, Field> fields)
    {
        var result = new JsonObject();
        var reader = new Reader(bytes);
        while (reader.Next())
        {
            if (!fields.TryGetValue(reader.Number, out var field))
            {
                if (ReferenceEquals(fields, Meta) && IgnoredMeta.Contains(reader.Number))
                {
                    continue;
                }

                throw new ApiException(415, "UnsupportedMediaType", $"a protobuf body with field {reader.Number}: not supported here; send JSON or YAML");
            }

            switch (field.Type)
            {
                case FieldType.Text when reader.Bytes.Length > 0:
                    result[field.Name] = Utf8(reader.Bytes);
                    break;
                case FieldType.Flag:
                    result[field.Name] = reader.Value != 0;
                    break;
                case FieldType.TextList:
                    if (result[field.Name] is not JsonArray list)
                    {
                        result[field.Name] = list = [];
                    }

                    list.Add(Utf8(reader.Bytes));
                    break;
                case FieldType.TextMap or FieldType.BytesMap:
                    ReadEntry(reader.Bytes, result.Child(field.Name), field.Type == FieldType.BytesMap);
                    break;
                case FieldType.Message:
                    result[field.Name] = ReadMessage(reader.Bytes, field.Message!);
                    break;
            }
        }

        return result;
    }

    private static void ReadEntry(ReadOnlySpan<byte> bytes, JsonObject into, bool isBinary)
    {
        var (key, value) = ("", "");
        var reader = new Reader(bytes);
        while (reader.Next())
        {
            if (reader.Number == 1)
            {
                key = Utf8(reader.Bytes);
            }
            else
            {
                value = isBinary ? Convert.ToBase64String(reader.Bytes) : Utf8(reader.Bytes);
            }
        }

        into[key] = value;
    }

    private static string Utf8(ReadOnlySpan<byte> bytes) => Encoding.UTF8.GetString(bytes);

    private static ApiException Malformed() => ApiException.BadRequest("the object provided is unrecognized: the protobuf body can't be read");

    /// <summary>Walks the fields of one message.</summary>
    private ref struct Reader(ReadOnlySpan<byte> bytes)
    {
        private ReadOnlySpan<byte> _left = bytes;

        public int Number { get; private set; }

        public ulong Value { get; private set; }

        public ReadOnlySpan<byte> Bytes { get; private set; }

        public bool Next()
        {
            if (_left.Length == 0)
            {
                return false;
            }

            var tag = Varint();
            Number = (int)(tag >> 3);
            Bytes = [];
            Value = 0;
            switch (tag & 7)
            {
                case 0:
                    Value = Varint();
                    return true;
                case 2:
                    var length = Varint();
                    if (length > (ulong)_left.Length)
                    {
                        throw Malformed();
                    }

                    Bytes = _left[..(int)length];
                    _left = _left[(int)length..];
                    return true;
                default:
                    throw Malformed();
            }
        }

        private ulong Varint()
        {
            ulong value = 0;
            for (var shift = 0; shift < 64; shift += 7)
            {
                if (_left.Length == 0)
                {
                    break;
                }

                var b = _left[0];
                _left = _left[1..];
                value |= (ulong)(b & 0x7F) << shift;
                if (b < 0x80)
                {
                    return value;
                }
            }

            throw Malformed();
        }
    }
}

using static TorchSharp.torch;

namespace MedPeft.Lora.Checkpoints.Pickle;

/// <summary>PyTorch's names for element types.</summary>
internal static class TorchTypes
{
    private static readonly Dictionary<string, ElementType> Storages = new(StringComparer.Ordinal)
    {
        ["FloatStorage"] = Known("F32"),
        ["DoubleStorage"] = Known("F64"),
        ["HalfStorage"] = Known("F16"),
        ["BFloat16Storage"] = Known("BF16"),
        ["LongStorage"] = Known("I64"),
        ["IntStorage"] = Known("I32"),
        ["ShortStorage"] = Known("I16"),
        ["CharStorage"] = Known("I8"),
        ["ByteStorage"] = Known("U8"),
        ["BoolStorage"] = Known("BOOL"),
        ["ComplexFloatStorage"] = Known("C64"),
        ["ComplexDoubleStorage"] = new("C128", 128, ScalarType.ComplexFloat64),
        ["UntypedStorage"] = Known("U8"),
        ["QUInt8Storage"] = new("QUINT8", 8, null),
        ["QInt8Storage"] = new("QINT8", 8, null),
        ["QInt32Storage"] = new("QINT32", 32, null),
    };

    private static readonly Dictionary<string, ElementType> DTypes = new(StringComparer.Ordinal)
    {
        ["float32"] = Known("F32"),
        ["float64"] = Known("F64"),
        ["float16"] = Known("F16"),
        ["bfloat16"] = Known("BF16"),
        ["int64"] = Known("I64"),
        ["int32"] = Known("I32"),
        ["int16"] = Known("I16"),
        ["int8"] = Known("I8"),
        ["uint8"] = Known("U8"),
        ["uint16"] = Known("U16"),
        ["uint32"] = Known("U32"),
        ["uint64"] = Known("U64"),
        ["bool"] = Known("BOOL"),
        ["complex64"] = Known("C64"),
        ["complex128"] = Storages["ComplexDoubleStorage"],
        ["float8_e5m2"] = Known("F8_E5M2"),
        ["float8_e4m3fn"] = Known("F8_E4M3"),
        ["float8_e8m0fnu"] = Known("F8_E8M0"),
        ["float8_e4m3fnuz"] = Known("F8_E4M3FNUZ"),
        ["float8_e5m2fnuz"] = Known("F8_E5M2FNUZ"),
    };

    /// <summary>The element type of a storage class, e.g. <c>torch.FloatStorage</c>.</summary>
    public static ElementType? OfStorage(PickleGlobal type) =>
        type.Module is "torch" or "torch.cuda" or "torch.storage" ? Storages.GetValueOrDefault(type.Name) : null;

    /// <summary>The element type of a dtype, e.g. <c>torch.bfloat16</c>.</summary>
    public static ElementType? OfDType(PickleGlobal type) => type.Module == "torch" ? DTypes.GetValueOrDefault(type.Name) : null;

    private static ElementType Known(string name) => ElementType.Named(name)!;
}

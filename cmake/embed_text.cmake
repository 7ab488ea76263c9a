# Writes C++ that holds one file: cmake -DFILE=openapi.json -DOUT=openapi.cpp -DHEADER=web/openapi.hpp
# -DNAMESPACE=bridge::web -DFUNCTION=openapi_document -P embed_text.cmake
cmake_minimum_required(VERSION 3.25)
file(READ "${FILE}" hex HEX)
string(REGEX REPLACE "(................................................................)" "\\1\n" hex "${hex}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
file(WRITE "${OUT}" "// Written by cmake/embed_text.cmake.
#include \"${HEADER}\"

namespace ${NAMESPACE} {
namespace {

const unsigned char kBytes[] = {
${hex}};

}  // namespace

std::string_view ${FUNCTION}() {
    return {reinterpret_cast<const char*>(kBytes), sizeof(kBytes)};
}

}  // namespace ${NAMESPACE}
")

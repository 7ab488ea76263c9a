# Writes C++ that holds files: cmake -DROOT=web/dist -DOUT=page_files.cpp [-DGZIP=/usr/bin/gzip] -P embed_page.cmake
# It becomes bridge::web::page_files(). Compressed once here, so that nothing is compressed while calls go on.
cmake_minimum_required(VERSION 3.25)

# The bytes of `file` as an initialiser list, 32 to a line.
function(read_bytes file into)
  file(READ "${file}" hex HEX)
  string(REGEX REPLACE "(................................................................)" "\\1\n" hex "${hex}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
  set(${into} "${hex}" PARENT_SCOPE)
endfunction()

function(type_of file into)
  set(types
    html text/html js text/javascript css text/css txt text/plain svg image/svg+xml png image/png ico image/x-icon
    json application/json webmanifest application/manifest+json woff2 font/woff2 wasm application/wasm)
  get_filename_component(extension "${file}" LAST_EXT)
  string(SUBSTRING "${extension}" 1 -1 extension)
  list(FIND types "${extension}" at)
  if(at LESS 0)
    message(FATAL_ERROR "${file}: the type of .${extension} files is not known; add it to cmake/embed_page.cmake")
  endif()
  math(EXPR at "${at} + 1")
  list(GET types ${at} type)
  set(${into} "${type}" PARENT_SCOPE)
endfunction()

file(GLOB_RECURSE files LIST_DIRECTORIES false RELATIVE "${ROOT}" "${ROOT}/*")
list(SORT files)
set(arrays "")
set(table "")
set(count 0)
foreach(name IN LISTS files)
  read_bytes("${ROOT}/${name}" bytes)
  type_of("${name}" type)
  if(type MATCHES "^text/")
    string(APPEND type "; charset=utf-8")
  endif()
  file(SHA256 "${ROOT}/${name}" hash)
  string(SUBSTRING "${hash}" 0 16 hash)
  string(APPEND arrays "const unsigned char plain_${count}[] = {\n${bytes}};\n")
  set(gzip "{}")
  if(GZIP AND NOT name MATCHES "\\.(png|ico|woff2)$")
    execute_process(COMMAND "${GZIP}" -9 -n -c "${ROOT}/${name}" OUTPUT_FILE "${OUT}.gz" RESULT_VARIABLE failed)
    file(SIZE "${ROOT}/${name}" plain_size)
    file(SIZE "${OUT}.gz" gzip_size)
    if(NOT failed AND gzip_size LESS plain_size)
      read_bytes("${OUT}.gz" bytes)
      string(APPEND arrays "const unsigned char gzip_${count}[] = {\n${bytes}};\n")
      set(gzip "view(gzip_${count})")
    endif()
    file(REMOVE "${OUT}.gz")
  endif()
  string(APPEND table "        {\"/${name}\", \"${type}\", \"\\\"${hash}\\\"\", view(plain_${count}), ${gzip}},\n")
  math(EXPR count "${count} + 1")
endforeach()

file(WRITE "${OUT}" "// Written by cmake/embed_page.cmake.
#include <vector>

#include \"web/page.hpp\"

namespace bridge::web {
namespace {

${arrays}
template <std::size_t N>
std::string_view view(const unsigned char (&bytes)[N]) {
    return {reinterpret_cast<const char*>(bytes), N};
}

}  // namespace

std::span<const PageFile> page_files() {
    static const std::vector<PageFile> files{
${table}    };
    return files;
}

}  // namespace bridge::web
")
